package dev.caisson.stub;

import dev.caisson.linux.process.Exit;
import dev.caisson.remote.RemoteChild;
import dev.caisson.remote.RemoteProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// A stub that a process has launched, at the process's place.
record LaunchedStub(RemoteChild child) implements AutoCloseable {
  private static final Duration LONG = Duration.ofSeconds(60);

  /// @param arguments the arguments after the name
  static LaunchedStub by(RemoteProcess process, Path program, String... arguments)
      throws IOException {
    var argv = new ArrayList<>(List.of(program.toString()));
    argv.addAll(List.of(arguments));
    var child = process.fork();
    try {
      child.execve(program, argv, Map.of("NAME", "value"));
      return new LaunchedStub(child);
    } catch (IOException | RuntimeException failure) {
      child.close();
      throw failure;
    }
  }

  /// The exit status that the caller of the stub sees.
  int exitStatus() throws IOException {
    return switch (child.waitid(LONG)) {
      case Exit.Exited exited -> exited.status();
      case Exit.Signalled signalled -> -signalled.signal().number();
    };
  }

  @Override
  public void close() {
    child.close();
  }
}
