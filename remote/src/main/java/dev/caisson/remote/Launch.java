package dev.caisson.remote;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SearchPath;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Spawn;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A command that is to start a stub. Its output is kept for an error message.
final class Launch implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final int TAIL = 2000;

  private final List<String> command;
  private final Child child;
  private final Fd output;

  private Launch(List<String> command, Child child, Fd output) {
    this.command = command;
    this.child = child;
    this.output = output;
  }

  /// Starts a command in the JVM's environment, and in its own process group.
  ///
  /// @param descriptors its descriptors by number; standard output and error go to a memfd, unless
  ///   they are among these
  static Launch start(List<String> command, Map<Integer, Fd> descriptors) throws IOException {
    var environment = new HashMap<>(System.getenv());
    // A stub that finds such a variable does not look at its standard input.
    environment.remove("CAISSON_STUB_FD");
    environment.remove("RSYSCALL_UNIX_STUB_SOCK_PATH");
    var output = Memfd.memfdCreate("caisson-output");
    try {
      var spawn =
          Spawn.of(SearchPath.find(Path.of(command.getFirst()), System.getenv()))
              .argv0(command.getFirst())
              .args(command.subList(1, command.size()))
              .env(environment)
              .processGroup(0)
              .descriptor(1, output)
              .descriptor(2, output)
              .descriptors(descriptors);
      return new Launch(command, spawn.start(), output);
    } catch (IOException | RuntimeException failure) {
      output.close();
      throw failure;
    }
  }

  Child child() {
    return child;
  }

  /// The exception that says how the command ended, and why. Waits a few seconds for its end,
  /// unless the cause is a timeout.
  LaunchException failure(IOException cause) {
    Optional<Exit> exit = Optional.empty();
    try {
      boolean late =
          cause instanceof DeadlineException || cause.getCause() instanceof DeadlineException;
      exit = late ? child.poll() : Optional.of(child.waitid(PATIENCE));
    } catch (IOException lives) {
      // It has no exit yet.
    }
    return new LaunchException(command, exit, tail(), cause);
  }

  private String tail() {
    try {
      var bytes = new byte[TAIL];
      long from = Math.max(0, output.statx().size() - TAIL);
      int count = Math.max(0, output.pread(bytes, 0, TAIL, from));
      return new String(bytes, 0, count, StandardCharsets.UTF_8).strip();
    } catch (SystemCallException unreadable) {
      return "";
    }
  }

  /// Releases the process to the caller once the stub has started.
  Child release() {
    output.close();
    return child;
  }

  /// Kills the command and its process group, unless it has ended, and waits for its end.
  /// Idempotent.
  @Override
  public void close() {
    child.close();
    output.close();
  }
}
