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

/// Somebody has launched a stub: with which arguments, in which environment, and the process
/// itself, which waits for what it is told to do.
///
/// Its standard streams are what the caller has given it: `process().inherited(0)` and so on. It
/// owns the process: closing it ends that, with exit status 1 unless it has exited or executed
/// something before.
///
/// Safe for many threads.
public final class StubInvocation implements AutoCloseable {
  private final RemoteProcess process;
  private final Launched launched;
  private final UnixSocket.Credentials credentials;

  StubInvocation(Launched launched, UnixSocket.Credentials credentials) {
    this.process = launched.process();
    this.launched = launched;
    this.credentials = credentials;
  }

  /// What it was invoked with, the name that was invoked first.
  public List<String> arguments() {
    return launched.arguments().stream().map(PathBytes::decode).toList();
  }

  /// What it was invoked with, byte for byte.
  public List<byte[]> rawArguments() {
    return launched.arguments().stream().map(byte[]::clone).toList();
  }

  /// The name that was invoked: the first argument.
  public String name() {
    var arguments = launched.arguments();
    return arguments.isEmpty() ? "" : PathBytes.decode(arguments.getFirst());
  }

  /// Its environment; of a variable that is there twice, the first.
  public Map<String, String> environment() {
    return Environment.variables(launched.environment());
  }

  /// Its environment, byte for byte.
  public List<byte[]> rawEnvironment() {
    return launched.environment().stream().map(byte[]::clone).toList();
  }

  /// Who it is, as the kernel knows it: that of this machine, or of the one where the server
  /// listens.
  public UnixSocket.Credentials credentials() {
    return credentials;
  }

  /// Which signals its caller has blocked in it: bit n - 1 for signal n.
  public long sigmask() {
    return launched.sigmask();
  }

  /// The process.
  public RemoteProcess process() {
    return process;
  }

  /// Executes a program in its place, with the arguments and the environment that it was invoked
  /// with. See [#execve(Path, List, List)].
  public void execve(Path program) throws IOException {
    execve(program, launched.arguments(), launched.environment());
  }

  /// Executes a program in its place. See [#execve(Path, List, List)].
  public void execve(Path program, List<String> arguments, Map<String, String> environment)
      throws IOException {
    var strings = arguments.stream().map(PathBytes::encode).toList();
    execve(program, strings, Environment.strings(environment));
  }

  /// Executes a program in its place: the process becomes that program, and has all that its caller
  /// has given it: its number, parent, group, terminal, working directory, descriptors, and the
  /// signals that were blocked then, whatever has been blocked since. What it exits with is what
  /// the caller sees. Nothing of this library stays open in it; descriptors that were opened in the
  /// process go with it only if [RemoteProcess#dup3] has made them. See `execve(2)`.
  ///
  /// The connection is at its end then: there is no more to be done with the process from here.
  /// Takes as long as a call of the process may.
  ///
  /// @param program its path where the process is; no search path is tried
  /// @param arguments the name that it is invoked by first
  /// @param environment variables, each with its name, `=` and its value
  /// @throws dev.caisson.linux.SystemCallException if it cannot be executed; the process is as it
  ///   was, but for the signals and its name (`comm`)
  /// @throws dev.caisson.remote.ConnectionLostException if the process has died before
  public void execve(Path program, List<byte[]> arguments, List<byte[]> environment)
      throws IOException {
    process.execve(program, arguments, environment, launched.sigmask());
  }

  /// Whether the process has become another program.
  public boolean executed() {
    return process.hasExecuted();
  }

  /// Ends the process, unless it has exited or executed something. One that is in a call that
  /// nobody waits for is killed; kernels before 6.5 do not say for certain which process that is,
  /// so there it goes on until the call returns, as it does on another machine. Idempotent.
  @Override
  public void close() {
    process.kill();
  }
}
