package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Environment;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A process on this machine that this JVM has started only to make calls in it: the first of a
/// family.
///
/// It is a stub, not a copy of the JVM: it has no threads, heap or signal handlers. So it can do
/// what a JVM cannot, such as enter a user namespace. Its standard streams are `/dev/null`.
public final class LocalProcess implements AutoCloseable {
  private static final Duration BIRTH = Duration.ofSeconds(30);
  private static final Duration DEATH = Duration.ofSeconds(10);
  private static final int SOCKET = 3;
  private static final int STANDARD_STREAMS = 3;

  private final Child child;
  private final RemoteProcess process;
  private final Map<String, String> environment;

  private LocalProcess(Child child, Launched launched) {
    this.child = child;
    this.process = launched.process();
    var variables = new LinkedHashMap<>(Environment.variables(launched.environment()));
    // The variable names the stub's own descriptor.
    variables.remove("CAISSON_STUB_FD");
    this.environment = Collections.unmodifiableMap(variables);
  }

  /// Starts a local process.
  public static LocalProcess start() throws IOException {
    return start(Map.of());
  }

  /// Starts a local process that has copies of descriptors of this JVM under given numbers, not
  /// CLOEXEC: its children, and the programs that they execute, inherit them. Close
  /// [`inherited(number)`][RemoteProcess#inherited] when the process itself no longer needs one.
  ///
  /// @param descriptors by number, from 3; the caller keeps ownership
  public static LocalProcess start(Map<Integer, Fd> descriptors) throws IOException {
    try (var program = Stub.memfd()) {
      return start(program, descriptors);
    } catch (SystemCallException refused) {
      if (refused.errno() != Errno.EACCES) {
        throw refused;
      }
      // The system forbids programs in memory (vm.memfd_noexec).
      try (var program = Stub.unlinked()) {
        return start(program, descriptors);
      }
    }
  }

  private static LocalProcess start(Fd program, Map<Integer, Fd> descriptors) throws IOException {
    int socket = SOCKET;
    while (descriptors.containsKey(socket)) {
      socket++;
    }
    try (var ends = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var nothing = nothing()) {
      var file =
          Path.of("/proc/%d/fd/%d".formatted(ProcessHandle.current().pid(), program.number()));
      var child =
          Spawn.of(file)
              .argv0("caisson-stub")
              .env("CAISSON_STUB_FD", Integer.toString(socket))
              .descriptors(descriptors)
              .descriptor(0, nothing)
              .descriptor(1, nothing)
              .descriptor(2, nothing)
              .descriptor(socket, ends.theirs().fd())
              .start();
      try {
        ends.theirs().close();
        try (var handshake = Handshake.withChild(ends.ours())) {
          var launched = handshake.await(Deadline.in(BIRTH));
          launched.process().identify(child.pid(), Optional.empty());
          return new LocalProcess(child, launched);
        }
      } catch (IOException | RuntimeException failure) {
        child.close();
        throw failure;
      }
    }
  }

  private static Fd nothing() throws IOException {
    return Fd.nullDevice();
  }

  /// Starts a local process by a command that runs a program appended to it, and passes its
  /// standard input on: `sudo -n`, `unshare -r`, `setpriv --reuid 1000 --`, `nsenter -t 123 -n`,
  /// `env A=b`, or a combination. The appended word is the path of a stub in the temporary
  /// directory of this JVM, which the command must see: `bwrap` with another `/tmp` needs `--bind
  /// /tmp /tmp`, for example.
  ///
  /// The command has the environment of this JVM, and its own process group, so it cannot prompt at
  /// a terminal. If it fails, the exception has its output. Its process may become the stub, or
  /// wait for it.
  ///
  /// @param command a program, looked up on the PATH unless it contains a `/`, and its arguments
  /// @param deadline until the process can be used
  /// @throws LaunchException if the command ends without starting a stub, or the deadline passes
  /// @throws IllegalArgumentException if the command is empty
  public static LocalProcess start(List<String> command, Duration deadline) throws IOException {
    if (command.isEmpty()) {
      throw new IllegalArgumentException("the command is empty; name a program");
    }
    var until = Deadline.in(deadline);
    var directory = Files.createTempDirectory("caisson-stub-");
    var stub = directory.resolve("caisson-stub");
    try {
      Stub.write(Stub.programOfStandardInput(), stub);
      // Executable for all: the command may run the stub as another user.
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
      var whole = new ArrayList<>(command);
      whole.add(stub.toString());
      return start(whole, until);
    } finally {
      Files.deleteIfExists(stub);
      Files.delete(directory);
    }
  }

  private static LocalProcess start(List<String> command, Deadline deadline) throws IOException {
    try (var ends = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var nothing = nothing()) {
      var launch = Launch.start(command, Map.of(0, ends.theirs().fd()));
      try {
        ends.theirs().close();
        var launched = launched(launch, ends.ours(), deadline);
        try (var there = launched.process().give(nothing)) {
          for (int number = 0; number < STANDARD_STREAMS; number++) {
            launched.process().dup3(there, number);
          }
        } catch (IOException | RuntimeException failure) {
          launched.process().close();
          throw failure;
        }
        return new LocalProcess(launch.release(), launched);
      } catch (IOException | RuntimeException failure) {
        launch.close();
        throw failure;
      }
    }
  }

  private static Launched launched(Launch launch, UnixSocket socket, Deadline deadline)
      throws IOException {
    try {
      return Bootstrap.byStandardInput(socket, deadline);
    } catch (StubException failure) {
      throw launch.failure(failure);
    }
  }

  /// The process.
  public RemoteProcess process() {
    return process;
  }

  /// The environment that the process started with, which a command such as `sudo` may have
  /// changed. If a variable occurs twice, the first counts.
  public Map<String, String> environment() {
    return environment;
  }

  /// Waits for the end of the started process: of the stub itself, or of the command that started
  /// it. Several threads may wait. See `waitid(2)`.
  ///
  /// @throws dev.caisson.linux.DeadlineException if it is alive at the deadline
  public Exit waitid(Duration deadline) throws IOException {
    return child.waitid(deadline);
  }

  /// Ends the process, and waits for its end. Kills it if it is in an abandoned call. Idempotent.
  @Override
  public void close() {
    boolean asked = !process.isInCall();
    process.close();
    try {
      if (asked) {
        child.waitid(DEATH);
      }
    } catch (IOException stuck) {
      // Killed below.
    }
    child.close();
  }
}
