package dev.caisson.remote;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.UnixSocket;
import java.util.List;
import java.util.Map;

/// Somebody has launched a stub: with which arguments, in which environment, and the process
/// itself, which waits for what it is told to do.
///
/// Its standard streams are what the caller has given it: `process().inherited(0)` and so on. It
/// owns the process: closing it ends that, with exit status 1 unless it has exited or executed
/// something before.
public final class StubCall implements AutoCloseable {
  private final RemoteProcess process;
  private final List<byte[]> arguments;
  private final List<byte[]> environment;
  private final UnixSocket.Credentials credentials;
  private final long sigmask;

  StubCall(Bootstrap.Launched launched, UnixSocket.Credentials credentials) {
    this.process = launched.process();
    this.arguments = launched.arguments();
    this.environment = launched.environment();
    this.credentials = credentials;
    this.sigmask = launched.sigmask();
  }

  /// What it was called with, the name that was called first.
  public List<String> arguments() {
    return arguments.stream().map(PathBytes::decode).toList();
  }

  /// What it was called with, byte for byte.
  public List<byte[]> rawArguments() {
    return arguments.stream().map(byte[]::clone).toList();
  }

  /// The name that was called: the first argument.
  public String name() {
    return arguments.isEmpty() ? "" : PathBytes.decode(arguments.getFirst());
  }

  /// Its environment; of a variable that is there twice, the first.
  public Map<String, String> environment() {
    return Bootstrap.variables(environment);
  }

  /// Its environment, byte for byte.
  public List<byte[]> rawEnvironment() {
    return environment.stream().map(byte[]::clone).toList();
  }

  /// Who it is, as the kernel of this machine knows it.
  public UnixSocket.Credentials credentials() {
    return credentials;
  }

  /// Which signals its caller has blocked in it: bit n - 1 for signal n.
  public long sigmask() {
    return sigmask;
  }

  /// The process.
  public RemoteProcess process() {
    return process;
  }

  @Override
  public void close() {
    process.close();
  }
}
