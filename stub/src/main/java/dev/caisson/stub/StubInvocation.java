package dev.caisson.stub;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.process.Environment;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.Launched;
import dev.caisson.remote.RemoteProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// A launch of a stub: its arguments, its environment, and the process itself, which waits for
/// calls.
///
/// The standard streams are those that the caller of the stub gave it: `process().inherited(0)` and
/// so on. The invocation owns the process: closing it ends the process with exit status 1, unless
/// it has exited or executed a program before.
///
/// Thread-safe.
public final class StubInvocation implements AutoCloseable {
  private final RemoteProcess process;
  private final Launched launched;
  private final UnixSocket.Credentials credentials;

  StubInvocation(Launched launched, UnixSocket.Credentials credentials) {
    this.process = launched.process();
    this.launched = launched;
    this.credentials = credentials;
  }

  /// The arguments; the first is the name of the invocation.
  public List<String> arguments() {
    return launched.arguments().stream().map(PathBytes::decode).toList();
  }

  /// The arguments, byte for byte.
  public List<byte[]> rawArguments() {
    return launched.arguments().stream().map(byte[]::clone).toList();
  }

  /// The name of the invocation: the first argument.
  public String name() {
    var arguments = launched.arguments();
    return arguments.isEmpty() ? "" : PathBytes.decode(arguments.getFirst());
  }

  /// The environment; the first value of a duplicate variable.
  public Map<String, String> environment() {
    return Environment.variables(launched.environment());
  }

  /// The environment, byte for byte.
  public List<byte[]> rawEnvironment() {
    return launched.environment().stream().map(byte[]::clone).toList();
  }

  /// The credentials of the process, as seen by the kernel of the machine where the server listens.
  public UnixSocket.Credentials credentials() {
    return credentials;
  }

  /// The signals that the caller has blocked in the process: bit n - 1 for signal n.
  public long sigmask() {
    return launched.sigmask();
  }

  /// The process of the stub.
  public RemoteProcess process() {
    return process;
  }

  /// Executes a program in the process, with the arguments and environment of the invocation. See
  /// [#execve(Path, List, List)].
  public void execve(Path program) throws IOException {
    execve(program, launched.arguments(), launched.environment());
  }

  /// Executes a program in the process. See [#execve(Path, List, List)].
  public void execve(Path program, List<String> arguments, Map<String, String> environment)
      throws IOException {
    var strings = arguments.stream().map(PathBytes::encode).toList();
    execve(program, strings, Environment.strings(environment));
  }

  /// Executes a program in the process. The program keeps all that the caller gave the stub: pid,
  /// parent, group, terminal, working directory, descriptors, and the signals that were blocked at
  /// the launch, even if others have been blocked since. The caller sees the exit status of the
  /// program. No descriptor of this library stays open in it. A descriptor that was opened in the
  /// process is passed on only if [RemoteProcess#dup3] made it. See `execve(2)`.
  ///
  /// Afterwards the connection is closed, and no more calls can be made. Blocks at most as long as
  /// a call of the process may.
  ///
  /// @param program the path as the process sees it; no search path is tried
  /// @param arguments the first is the name that the program gets
  /// @param environment the variables, each as name, `=` and value
  /// @throws dev.caisson.linux.SystemCallException if the program cannot be executed; the process
  ///   is unchanged except for the blocked signals and its name (`comm`)
  /// @throws dev.caisson.remote.ConnectionLostException if the process has already died
  public void execve(Path program, List<byte[]> arguments, List<byte[]> environment)
      throws IOException {
    process.execve(program, arguments, environment, launched.sigmask());
  }

  /// Whether the process has executed a program.
  public boolean executed() {
    return process.hasExecuted();
  }

  /// Ends the process, unless it has exited or executed a program. A process in an abandoned call
  /// is killed. Kernels before 6.5 do not identify that process reliably, so there it runs until
  /// the call returns; so it does on another machine. Idempotent.
  @Override
  public void close() {
    process.kill();
  }
}
