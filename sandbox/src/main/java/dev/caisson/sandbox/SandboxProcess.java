package dev.caisson.sandbox;

import dev.caisson.linux.Child;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Exit;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Memfd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Signal;
import dev.caisson.linux.Spawn;
import dev.caisson.linux.SpawnThread;
import dev.caisson.linux.SystemCallException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// One bubblewrap process from its start to the end of everything in its sandbox.
final class SandboxProcess {
  private static final Duration FOREVER = Duration.ofDays(365);
  private static final Duration GRACE = Duration.ofSeconds(1);
  private static final Duration DEATH = Duration.ofSeconds(30);
  private static final Duration LAST_OUTPUT = Duration.ofSeconds(1);
  private static final int KEPT_OUTPUT = 1 << 20;
  private static final int ARGUMENTS_FD = 3;
  private static final int STATUS_FD = 4;

  private final Path bwrap;
  private final SpawnThread thread;
  private final Run run;
  private final List<Object> options;
  private final List<String> command;

  SandboxProcess(Path bwrap, SpawnThread thread, Layout layout, Run run) {
    this.bwrap = bwrap;
    this.thread = thread;
    this.run = run;
    this.options = layout.options(run.capabilities().map(Capability::available), run.binds());
    this.command = layout.command(run.argv());
  }

  RunResult run() throws IOException {
    long start = System.nanoTime();
    var deadline = Deadline.in(run.deadline().orElse(FOREVER));
    boolean interrupted = false;
    try (var output = Pipe.pipe2();
        var status = Pipe.pipe2();
        var nothing = Fd.open(Path.of("/dev/null"), OpenFlag.RDWR);
        var arguments = Memfd.sealed("bwrap-arguments", nulTerminated(options));
        var child =
            Spawn.of(bwrap)
                .args("--args", Integer.toString(ARGUMENTS_FD))
                .args("--json-status-fd", Integer.toString(STATUS_FD), "--")
                .args(command)
                .env(environment())
                .descriptor(0, nothing)
                .descriptor(1, output.write())
                .descriptor(2, output.write())
                .descriptor(ARGUMENTS_FD, arguments)
                .descriptor(STATUS_FD, status.write())
                .processGroup(0)
                .startFrom(thread)) {
      output.write().close();
      status.write().close();
      try (var report = StatusReader.start(status.read());
          var reader =
              OutputReader.start(
                  output.read(), KEPT_OUTPUT, run.sink(), run.outputLimit(), () -> kill(child))) {
        var early = await(child, deadline);
        // What follows is bounded, and must be done to its end.
        interrupted = Thread.interrupted();
        if (early.isPresent()) {
          end(child, report);
        }
        var exit = child.waitid(DEATH);
        // Nobody in the sandbox outlives the first process of its pid namespace.
        report.awaitEndOfInit(DEATH);
        reader.finish(LAST_OUTPUT);
        var ending = early.isPresent() ? early.get() : ending(exit, report, reader);
        return new RunResult(
            ending,
            reader.tail(),
            reader.total(),
            Duration.ofNanos(System.nanoTime() - start),
            exit.usage(),
            commandLine());
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// Waits for the end of bubblewrap, or for a reason to end it.
  private static Optional<RunResult.Ending> await(Child child, Deadline deadline)
      throws IOException {
    try {
      child.waitid(deadline);
      return Optional.empty();
    } catch (DeadlineException late) {
      return Optional.of(new RunResult.TimedOut(deadline.allowed()));
    } catch (InterruptedIOException interrupt) {
      return Optional.of(new RunResult.Cancelled());
    }
  }

  /// Ends the sandbox: asks, gives a second, kills.
  private static void end(Child child, StatusReader report) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      report.askToEnd();
      try {
        child.waitid(GRACE);
      } catch (DeadlineException alive) {
        kill(child);
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// The sandbox dies with bubblewrap.
  private static void kill(Child child) {
    try {
      child.kill(Signal.KILL);
    } catch (SystemCallException impossible) {
      throw new AssertionError("SIGKILL to a child was refused", impossible);
    }
  }

  private RunResult.Ending ending(Exit exit, StatusReader report, OutputReader reader) {
    if (reader.total() >= run.outputLimit()) {
      return new RunResult.OutputExceeded(run.outputLimit());
    }
    return switch (exit) {
      case Exit.Signalled signalled -> new RunResult.Signalled(signalled.signal());
      case Exit.Exited exited -> {
        var status = report.exitCode();
        if (status.isEmpty()) {
          yield new RunResult.SetupFailed(lastLine(reader.tail()));
        }
        int code = status.getAsInt();
        yield code > 128 && code <= 128 + 64
            ? new RunResult.Signalled(new Signal(code - 128))
            : new RunResult.Exited(code);
      }
    };
  }

  private static String lastLine(byte[] output) {
    var text = new String(output, StandardCharsets.UTF_8).strip();
    return text.substring(text.lastIndexOf('\n') + 1);
  }

  private Map<String, String> environment() {
    var environment = new LinkedHashMap<String, String>();
    environment.put("container", "bwrap-osbuild");
    environment.put("LC_CTYPE", "C.UTF-8");
    environment.put("PATH", "/usr/sbin:/usr/bin");
    environment.put("PYTHONPATH", "/run/osbuild/lib");
    environment.put("PYTHONUNBUFFERED", "1");
    environment.put("TERM", System.getenv().getOrDefault("TERM", "dumb"));
    environment.putAll(run.environment());
    return environment;
  }

  private List<String> commandLine() {
    var line = new ArrayList<String>();
    line.add(bwrap.toString());
    options.forEach(option -> line.add(option.toString()));
    line.add("--");
    line.addAll(command);
    return line;
  }

  private static byte[] nulTerminated(List<Object> options) {
    var bytes = new ByteArrayOutputStream();
    for (var option : options) {
      bytes.writeBytes(
          switch (option) {
            case Path path -> PathBytes.of(path);
            default -> option.toString().getBytes(StandardCharsets.UTF_8);
          });
      bytes.write(0);
    }
    return bytes.toByteArray();
  }
}
