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

/// A command that is to start a stub. What it says is kept, for the case that it does not.
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

  /// Starts it in the JVM's environment, and in a process group of its own.
  ///
  /// @param descriptors what it gets by number; its output, where it gets nothing else, is kept
  static Launch start(List<String> command, Map<Integer, Fd> descriptors) throws IOException {
    var environment = new HashMap<>(System.getenv());
    // Whoever is told where to look does not look at its standard input.
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

  /// Says what became of it instead of a stub. It is waited for a few seconds, if it seems to have
  /// ended.
  LaunchException failure(IOException cause) {
    Optional<Exit> exit = Optional.empty();
    try {
      boolean late =
          cause instanceof DeadlineException || cause.getCause() instanceof DeadlineException;
      exit = late ? child.poll() : Optional.of(child.waitid(PATIENCE));
    } catch (IOException lives) {
      // So it has no exit.
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

  /// Gives the process up to another owner, when it has done what it was to.
  Child release() {
    output.close();
    return child;
  }

  /// Kills it and its group, unless it has ended, and waits for its end. Idempotent.
  @Override
  public void close() {
    child.close();
    output.close();
  }
}
