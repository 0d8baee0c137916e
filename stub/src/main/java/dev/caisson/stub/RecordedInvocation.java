package dev.caisson.stub;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.process.Environment;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.RemoteProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// An invocation of a stub, byte for byte as the kernel passed it.
///
/// @param sequence the number of the invocation, counted from 1. An invocation made after another
///   was answered has the greater number
/// @param name the name of the stub, regardless of the first argument
/// @param argv all arguments of `execve(2)`; the first is the name that the caller gave
/// @param envp the variables, each as name, `=` and value
/// @param directory the working directory; empty if it has been removed, or cannot be reached from
///   the root directory
/// @param ppid the parent, in the same pid namespace as the pid of the credentials; 0 if that is
///   not known: the process was killed too early, or this JVM cannot see it in `/proc`
/// @param credentials the credentials of the process, as the kernel of the machine where the server
///   listens sees them
/// @param input the standard input; empty unless the listener [wants
///   it][InvocationListener#wantsInput], if it is closed, and if it is a terminal
public record RecordedInvocation(
    long sequence,
    String name,
    List<byte[]> argv,
    List<byte[]> envp,
    Optional<Path> directory,
    int ppid,
    UnixSocket.Credentials credentials,
    Optional<byte[]> input) {
  /// Copies the lists. The arrays are not copied and must not be changed.
  public RecordedInvocation {
    argv = List.copyOf(argv);
    envp = List.copyOf(envp);
  }

  /// Reads directory and parent from the process, and the standard input if it is wanted.
  ///
  /// @throws IOException if the input cannot be read
  static RecordedInvocation of(String name, StubInvocation invocation, InvocationListener listener)
      throws IOException {
    return new RecordedInvocation(
        0,
        name,
        invocation.rawArguments(),
        invocation.rawEnvironment(),
        getcwd(invocation.process()),
        parent(invocation),
        invocation.credentials(),
        listener.wantsInput(name) ? StandardInput.read(invocation.process()) : Optional.empty());
  }

  RecordedInvocation numbered(long number) {
    return new RecordedInvocation(number, name, argv, envp, directory, ppid, credentials, input);
  }

  private static Optional<Path> getcwd(RemoteProcess process) {
    try {
      return Optional.of(process.getcwd());
    } catch (IOException | IllegalArgumentException none) {
      return Optional.empty();
    }
  }

  /// The parent of the process. The process would report a number of its own pid namespace, but the
  /// pid of the credentials is in that of this JVM.
  private static int parent(StubInvocation invocation) {
    var process = invocation.process();
    try {
      if (!process.isLocal()) {
        return process.getppid();
      }
      int parent = Processes.getppid(invocation.credentials().pid());
      // The process is alive, so the number was its own.
      process.getpid();
      return parent;
    } catch (IOException unknown) {
      return 0;
    }
  }

  /// The arguments after the name.
  public List<String> arguments() {
    return argv.stream().skip(1).map(PathBytes::decode).toList();
  }

  /// The environment; the first value of a duplicate variable.
  public Map<String, String> environment() {
    return Environment.variables(envp);
  }

  /// Whether everything is equal, byte for byte.
  @Override
  public boolean equals(Object other) {
    return other instanceof RecordedInvocation invocation
        && sequence == invocation.sequence
        && name.equals(invocation.name)
        && same(argv, invocation.argv)
        && same(envp, invocation.envp)
        && directory.equals(invocation.directory)
        && ppid == invocation.ppid
        && credentials.equals(invocation.credentials)
        && Arrays.equals(input.orElse(null), invocation.input.orElse(null));
  }

  private static boolean same(List<byte[]> one, List<byte[]> other) {
    return Arrays.deepEquals(one.toArray(), other.toArray());
  }

  @Override
  public int hashCode() {
    return Long.hashCode(sequence) * 31 + Arrays.deepHashCode(argv.toArray());
  }

  /// The number, the name and the arguments.
  @Override
  public String toString() {
    return "invocation %d: %s %s".formatted(sequence, name, arguments());
  }
}
