package dev.caisson.sandbox;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Architecture;
import dev.caisson.linux.file.Memfd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/// The first program of a sandbox (`src/main/native/init.c`), which starts the command as its child
/// and reports how it ended.
///
/// It gets the command, the environment and the user as its orders, so no limit of bubblewrap's
/// applies to them. See ADR 22.
final class Init implements AutoCloseable {
  /// What the child does before the command, as the program numbers it.
  private enum Step {
    FORK("clone"),
    TERMINAL("ioctl TIOCSCTTY"),
    USER("setresuid"),
    EXECUTE("execve");

    private final String call;

    Step(String call) {
      this.call = call;
    }
  }

  private static final int STARTED = 1;
  private static final int NOT_STARTED = 2;
  private static final int ENDED = 3;
  private static final int CONTROLLING_TERMINAL = 1;
  private static final int OTHER_USER = 2;
  private static final int CLD_EXITED = 1;

  /// The size of `struct orders`, without its strings.
  private static final int HEAD = 48;

  /// The size of `struct report`. There are at most two reports.
  private static final int REPORT = 16;

  private static final Duration SOON = Duration.ofMillis(200);

  /// The numbers of descriptors in the sandbox that do not belong to the command.
  ///
  /// @param own the lowest of them
  /// @param end the number after the highest
  /// @param reports that of the pipe for reports
  record Numbers(int own, int end, int reports) {}

  private final Pipe reports;

  Init() throws SystemCallException {
    reports = Pipe.pipe2();
  }

  private static final class Program {
    static final byte[] BYTES = read();

    private static byte[] read() {
      var name = "init-" + Architecture.ofThisMachine().name().toLowerCase(Locale.ROOT);
      try (var resource = Init.class.getResourceAsStream(name)) {
        if (resource == null) {
          throw new IllegalStateException(
              "this library has no %s, for this machine's architecture; build it with a compiler"
                      .formatted(name)
                  + " for it");
        }
        return resource.readAllBytes();
      } catch (IOException failure) {
        throw new UncheckedIOException("cannot read the program " + name, failure);
      }
    }
  }

  /// The program in a sealed memfd. Each run has its own: user 0 in the sandbox reaches the file by
  /// `/proc/1/exe` and can change its mode.
  ///
  /// @throws SandboxException if this machine forbids executable memfds
  static Fd program() throws IOException {
    try {
      return Memfd.executable("caisson-init", Program.BYTES);
    } catch (SystemCallException failure) {
      if (failure.errno() == Errno.EACCES) {
        throw SandboxException.of(
                RunResult.Step.SANDBOX,
                "this machine forbids to execute a file in memory (vm.memfd_noexec=2)",
                "sysctl vm.memfd_noexec=1")
            .causedBy(failure);
      }
      throw failure;
    }
  }

  /// The write end of the pipe for reports.
  Fd reports() {
    return reports.write();
  }

  /// Writes `struct orders`.
  ///
  /// @param changesUser whether the program changes to the user of the run
  /// @param kept the capabilities that another user keeps
  static byte[] orders(
      Run run,
      List<String> command,
      Map<String, String> environment,
      Numbers numbers,
      boolean changesUser,
      Set<Capability> kept) {
    var strings = new ByteArrayOutputStream();
    command.forEach(argument -> append(strings, argument));
    environment.forEach((name, value) -> append(strings, name + "=" + value));
    var user = run.user();
    int flags =
        (run.terminal().isPresent() ? CONTROLLING_TERMINAL : 0) | (changesUser ? OTHER_USER : 0);
    return ByteBuffer.allocate(HEAD + strings.size())
        .order(ByteOrder.nativeOrder())
        .putLong(HEAD + strings.size())
        .putInt(numbers.own())
        .putInt(numbers.reports())
        .putInt(flags)
        .putInt(user.map(Run.User::uid).orElse(0))
        .putInt(user.map(Run.User::gid).orElse(0))
        .putInt(command.size())
        .putInt(environment.size())
        .putInt(numbers.end())
        .putLong(Capability.mask(kept))
        .put(strings.toByteArray())
        .array();
  }

  private static void append(ByteArrayOutputStream strings, String text) {
    var bytes = PathBytes.encode(text);
    for (byte b : bytes) {
      if (b == 0) {
        throw new IllegalArgumentException(
            "an argument or variable cannot hold a NUL byte: " + text.replace('\0', '?'));
      }
    }
    strings.writeBytes(bytes);
    strings.write(0);
  }

  /// Closes this side's copy of the write end, once bubblewrap has been started.
  void started() {
    reports.write().close();
  }

  /// Reads how the command ended or why it did not start; empty if there is no report. Call it when
  /// the sandbox has ended.
  ///
  /// The command may reach the pipe and forge reports of its end, but none that it did not start:
  /// the first report is older than the command.
  ///
  /// @param program the name of the command's program
  /// @param exitCode the exit status of the first program, if bubblewrap has reported it
  Optional<RunResult.Ending> ending(String program, OptionalInt exitCode) throws IOException {
    var bytes = new byte[2 * REPORT];
    int size = 0;
    try {
      for (int count = 0; count >= 0 && size < bytes.length; size += Math.max(count, 0)) {
        // All reports have been written. If the command has passed a copy of the write end on,
        // there is no end of the file.
        reports.read().await(Set.of(PollEvent.IN), SOON, "a report");
        count = reports.read().read(bytes, size, bytes.length - size);
      }
    } catch (DeadlineException complete) {
      // No more reports.
    }
    if (size < REPORT) {
      return Optional.empty();
    }
    var report = ByteBuffer.wrap(bytes, 0, size).order(ByteOrder.nativeOrder());
    int kind = report.getInt();
    if (kind == NOT_STARTED) {
      return Optional.of(notStarted(program, report.getInt(), report.getInt(), report.getInt()));
    }
    if (kind != STARTED) {
      return Optional.empty();
    }
    if (size < 2 * REPORT || report.getInt(REPORT) != ENDED) {
      // The first program was killed, or the command wrote into the pipe.
      return exitCode.isPresent() ? Optional.of(byStatus(exitCode.getAsInt())) : Optional.empty();
    }
    int code = report.getInt(REPORT + Integer.BYTES);
    int status = report.getInt(REPORT + 2 * Integer.BYTES);
    return code == CLD_EXITED
        ? Optional.of(new RunResult.Exited(status & 0xff))
        : Optional.of(byStatus(128 + status));
  }

  /// The ending for an exit status of the first program.
  static RunResult.Ending byStatus(int status) {
    return status > 128 && status <= 128 + 64
        ? new RunResult.Signalled(new Signal(status - 128))
        : new RunResult.Exited(status & 0xff);
  }

  private static RunResult.Ending notStarted(String program, int step, int number, int exists) {
    var failed = step >= 1 && step <= Step.values().length ? Step.values()[step - 1] : Step.FORK;
    var errno = Errno.of(number);
    return failed == Step.EXECUTE
        ? new RunResult.NotExecuted(program, errno, exists != 0)
        : new RunResult.SetupFailed(
            RunResult.Step.COMMAND, "%s failed: %s".formatted(failed.call, errno));
  }

  @Override
  public void close() {
    reports.close();
  }
}
