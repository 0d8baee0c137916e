package dev.caisson.stub;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.process.Environment;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.RemoteProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What was invoked, when a stub was: byte for byte, as the kernel had it.
///
/// @param sequence which invocation this was, counted from 1: one that was made when another had
///   been answered has the greater number
/// @param name the stub that was invoked, whatever its caller called it
/// @param argv all arguments as `execve(2)` got them: what the caller called it first
/// @param envp its variables, each with its name, `=` and its value
/// @param directory the working directory; empty if it has been removed, or cannot be reached from
///   the root directory
/// @param ppid its parent, as the process knows it; 0 if that is outside of its namespace, or it
///   was killed before it could say
/// @param credentials who it is, as the kernel of this machine knows it
public record RecordedInvocation(
    long sequence,
    String name,
    List<byte[]> argv,
    List<byte[]> envp,
    Optional<Path> directory,
    int ppid,
    UnixSocket.Credentials credentials) {
  /// Its arrays must not be changed.
  public RecordedInvocation {
    argv = List.copyOf(argv);
    envp = List.copyOf(envp);
  }

  /// Asks the process for what it has not told.
  static RecordedInvocation of(String name, StubInvocation invocation) {
    return new RecordedInvocation(
        0,
        name,
        invocation.rawArguments(),
        invocation.rawEnvironment(),
        getcwd(invocation.process()),
        getppid(invocation.process()),
        invocation.credentials());
  }

  RecordedInvocation numbered(long number) {
    return new RecordedInvocation(number, name, argv, envp, directory, ppid, credentials);
  }

  private static Optional<Path> getcwd(RemoteProcess process) {
    try {
      return Optional.of(process.getcwd());
    } catch (IOException | IllegalArgumentException none) {
      return Optional.empty();
    }
  }

  private static int getppid(RemoteProcess process) {
    try {
      return process.getppid();
    } catch (IOException killed) {
      return 0;
    }
  }

  /// What it was invoked with, behind the name.
  public List<String> arguments() {
    return argv.stream().skip(1).map(PathBytes::decode).toList();
  }

  /// Its environment; of a variable that is there twice, the first.
  public Map<String, String> environment() {
    return Environment.variables(envp);
  }

  /// Whether all is the same, byte for byte.
  @Override
  public boolean equals(Object other) {
    return other instanceof RecordedInvocation invocation
        && sequence == invocation.sequence
        && name.equals(invocation.name)
        && same(argv, invocation.argv)
        && same(envp, invocation.envp)
        && directory.equals(invocation.directory)
        && ppid == invocation.ppid
        && credentials.equals(invocation.credentials);
  }

  private static boolean same(List<byte[]> one, List<byte[]> other) {
    return Arrays.deepEquals(one.toArray(), other.toArray());
  }

  @Override
  public int hashCode() {
    return Long.hashCode(sequence) * 31 + Arrays.deepHashCode(argv.toArray());
  }

  /// The invocation as one may have typed it.
  @Override
  public String toString() {
    return "invocation %d: %s %s".formatted(sequence, name, arguments());
  }
}
