package dev.caisson.remote;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.Signal;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.locks.LockSupport;

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
  private final Optional<Pidfd> hold;
  private final Execve.Witness witness;
  private volatile boolean executed;

  /// @param hold of its process, if the kernel tells; owned by this from then on
  StubCall(Bootstrap.Launched launched, UnixSocket.Credentials credentials, Optional<Pidfd> hold) {
    this(
        launched,
        credentials,
        hold,
        hold.isPresent() ? hold.get() : new Numbered(credentials.pid()));
  }

  /// @param witness tells what has become of its process
  StubCall(
      Bootstrap.Launched launched, UnixSocket.Credentials credentials, Execve.Witness witness) {
    this(launched, credentials, Optional.empty(), witness);
  }

  private StubCall(
      Bootstrap.Launched launched,
      UnixSocket.Credentials credentials,
      Optional<Pidfd> hold,
      Execve.Witness witness) {
    this.hold = hold;
    this.witness = witness;
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

  /// Who it is, as the kernel knows it: that of this machine, or of the one where the server
  /// listens.
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

  /// Executes a program in its place, with the arguments and the environment that it was called
  /// with. See [#execve(Path, List, List)].
  public void execve(Path program) throws IOException {
    execve(program, arguments, environment);
  }

  /// Executes a program in its place. See [#execve(Path, List, List)].
  public void execve(Path program, List<String> arguments, Map<String, String> environment)
      throws IOException {
    execve(program, Execve.strings(arguments), Execve.variables(environment));
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
  /// @param arguments the name that it is called by first
  /// @param environment variables, each with its name, `=` and its value
  /// @throws dev.caisson.linux.SystemCallException if it cannot be executed; the process is as it
  ///   was, but for the signals and its name (`comm`)
  /// @throws ConnectionLostException if the process has died before
  public void execve(Path program, List<byte[]> arguments, List<byte[]> environment)
      throws IOException {
    new Execve(program, arguments, environment, OptionalLong.of(sigmask))
        .in(process.calls(), witness);
    executed = true;
  }

  /// One that is known by its number alone.
  private record Numbered(int pid) implements Execve.Witness {
    @Override
    public String comm() throws IOException {
      return Files.readString(Path.of("/proc/" + pid + "/comm")).strip();
    }

    @Override
    public boolean ended() throws IOException {
      LockSupport.parkNanos(Pidfd.MOMENT.toNanos());
      if (Thread.currentThread().isInterrupted()) {
        throw new InterruptedIOException("interrupted while a process executes");
      }
      return isZombie(Files.readString(Path.of("/proc/" + pid + "/stat")));
    }
  }

  /// @param stat of a process: see `proc_pid_stat(5)`
  static boolean isZombie(String stat) {
    return stat.startsWith("Z", stat.lastIndexOf(')') + 2);
  }

  /// Whether the process has become another program.
  public boolean executed() {
    return executed;
  }

  /// Ends the process, unless it has exited or executed something. One that is in a call that
  /// nobody waits for is killed; kernels before 6.5 do not say for certain which process that is,
  /// so there it goes on until the call returns, as it does on another machine. Idempotent.
  @Override
  public void close() {
    boolean inCall = process.isInCall();
    process.close();
    try {
      if (inCall && !executed && hold.isPresent() && hold.get().isOpen()) {
        hold.get().kill(Signal.KILL);
      }
    } catch (IOException ended) {
      // So it needs no end.
    }
    hold.ifPresent(Pidfd::close);
  }
}
