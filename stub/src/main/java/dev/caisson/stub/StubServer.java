package dev.caisson.stub;

import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.RemoteFd;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;

/// Accepts the invocations of stubs: programs that any other program can launch like an ordinary
/// executable.
///
/// {@snippet class="dev.caisson.stub.StubServerTest" region="server"}
///
/// The server listens in this JVM, or through a [RemoteProcess], whose view of the files it uses:
/// in another mount, user or network namespace, in a sandbox, or on another machine. On this
/// machine the process is needed only to create the server. On another machine it must live as long
/// as the server.
///
/// Thread-safe.
public final class StubServer implements AutoCloseable {
  private static final int BACKLOG = 4096;

  /// The timeout of a handshake.
  private static final Duration SILENCE = Duration.ofSeconds(30);

  private final StubSource source;
  private final StubFiles files;
  private final Path socket;
  private boolean closed;

  private StubServer(StubSource source, StubFiles files, Path socket) {
    this.source = source;
    this.files = files;
    this.socket = socket;
  }

  /// Listens at a path. Stubs learn the path by RSYSCALL_UNIX_STUB_SOCK_PATH, by a link beside
  /// their program, or because it is [part of the program][dev.caisson.remote.Stub#program(Path)].
  ///
  /// @param path the path of the socket, of any length; the socket is removed at the end
  public static StubServer listenOn(Path path) throws IOException {
    return listenOn(path, SILENCE);
  }

  /// @param silence the timeout of a handshake
  static StubServer listenOn(Path path, Duration silence) throws IOException {
    var listener = UnixListener.listen(UnixSocket.Type.STREAM, path, BACKLOG);
    try {
      return new StubServer(
          new LocalStubSource(listener, silence), new StubFiles.Here(), path.toAbsolutePath());
    } catch (IOException failure) {
      listener.close();
      throw failure;
    }
  }

  /// Listens at a path as a process sees it, for stubs there. See [#listenOn(Path)].
  ///
  /// A path of more than 107 bytes needs `/proc` there. On another machine, the stubs and the
  /// process must see `/proc`. Each stub there is reached through the ssh connection to the
  /// process, and ends with it.
  ///
  /// @param process makes the socket, with its user and umask
  /// @param path an absolute path, as the process sees it. The socket is removed at the end, unless
  ///   the process was on another machine and has ended
  /// @throws IllegalArgumentException if the path is not absolute: the process's working directory
  ///   can change
  /// @throws dev.caisson.linux.SystemCallException EADDRINUSE if the path exists
  public static StubServer listenOn(RemoteProcess process, Path path) throws IOException {
    return listenOn(process, path, SILENCE);
  }

  static StubServer listenOn(RemoteProcess process, Path path, Duration silence)
      throws IOException {
    if (!path.isAbsolute()) {
      throw new IllegalArgumentException("the path of a socket must be absolute, not " + path);
    }
    var files = new StubFiles.Through(process);
    // A copy of the socket in a child would still listen after this server is closed.
    synchronized (process.forkLock()) {
      var listener = process.socket(SocketFamily.UNIX, SocketType.STREAM, 0);
      try {
        process.bind(listener, new Sockaddr.Unix(path));
        files.add(path);
        process.listen(listener, BACKLOG);
        // Another process may accept the peer first; then accept must not block.
        process.fcntlSetfl(listener, Set.of(OpenFlag.NONBLOCK));
        return new StubServer(source(process, listener, silence), files, path);
      } catch (IOException | RuntimeException failure) {
        files.close();
        listener.close();
        throw failure;
      }
    }
  }

  private static StubSource source(RemoteProcess process, RemoteFd listener, Duration silence)
      throws IOException {
    if (!process.isLocal()) {
      return new ForwardedStubSource(process, listener, silence);
    }
    var here = UnixListener.of(process.take(listener));
    try {
      var source = new LocalStubSource(here, silence);
      listener.close();
      return source;
    } catch (IOException failure) {
      here.close();
      throw failure;
    }
  }

  /// Makes a program in a directory, which connects to this server, and its socket beside it:
  /// `name` and `name.sock`. Both are removed at the end. Each user who may enter the directory may
  /// launch the program, whatever the umask is.
  ///
  /// @throws IllegalArgumentException if the name cannot be a file name
  public static StubServer create(Path directory, String name) throws IOException {
    checkName(name);
    var socket = directory.resolve(name + ".sock");
    var server = listenOn(socket);
    try {
      Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-rw-rw-"));
    } catch (IOException | RuntimeException failure) {
      server.close();
      throw failure;
    }
    return server.with(directory.resolve(name));
  }

  /// Makes a program in a directory as a process sees it, and its socket beside it. Programs there
  /// can launch it. See [#listenOn(RemoteProcess, Path)].
  ///
  /// @param directory an absolute path, as the process sees it
  /// @throws IllegalArgumentException if the name cannot be a file name, or the path is not
  ///   absolute
  /// @throws dev.caisson.linux.SystemCallException EEXIST or EADDRINUSE if one of the files exists
  public static StubServer create(RemoteProcess process, Path directory, String name)
      throws IOException {
    checkName(name);
    var socket = directory.resolve(name + ".sock");
    var server = listenOn(process, socket);
    try {
      process.fchmodat(socket, 0666);
    } catch (IOException | RuntimeException failure) {
      server.close();
      throw failure;
    }
    return server.with(directory.resolve(name));
  }

  private StubServer with(Path program) throws IOException {
    try {
      files.addProgram(program);
      return this;
    } catch (IOException | RuntimeException failure) {
      close();
      throw failure;
    }
  }

  /// Makes another program that connects to this server, in any directory: `name`, and a link to
  /// the socket, `name.sock`. Both are removed at the end. If a process listens, the process makes
  /// them.
  ///
  /// @throws IllegalArgumentException if the name cannot be a file name
  /// @throws IllegalStateException if this has been closed
  public synchronized StubServer add(Path directory, String name) throws IOException {
    checkName(name);
    if (closed) {
      throw new IllegalStateException("a server of stubs was used after it was closed");
    }
    files.addLink(directory.resolve(name + ".sock"), socket);
    files.addProgram(directory.resolve(name));
    return this;
  }

  private static void checkName(String name) {
    if (!Stubs.isName(name)) {
      throw new IllegalArgumentException(
          "the name of a stub must be a file name of at most 80 bytes: '" + name + "'");
    }
  }

  /// The path of the socket.
  public Path socket() {
    return socket;
  }

  /// Waits for the next invocation. Many threads may wait at once.
  ///
  /// From the first call on, the handshakes of all peers proceed concurrently, so a silent or slow
  /// peer delays no other. If there are too many peers, or descriptors run out, the server closes a
  /// connection: the longest silent one of the user, and then of the process, with the most
  /// connections. That is not reported as a failure.
  ///
  /// @return the invocation, owned by the caller
  /// @throws dev.caisson.linux.DeadlineException if the deadline passes first
  /// @throws dev.caisson.remote.StubException if a peer is not a stub, or was silent for 30
  ///   seconds; call again for the next one
  /// @throws dev.caisson.remote.ConnectionLostException if the listening process on another machine
  ///   has ended
  /// @throws IllegalStateException if this has been closed, or is meanwhile
  public StubInvocation accept(Duration deadline) throws IOException {
    return source.next(deadline);
  }

  /// Waits for the next stub that connects, and has a process make the handshake: the process sends
  /// the stub the descriptors by which this JVM reaches it. On another machine, the calls of the
  /// stub go through that process's connection from then on. A stub whose handshake has already
  /// begun is left to [#accept(Duration)].
  ///
  /// Many threads may wait at once. A silent stub is waited for, 30 seconds at most.
  ///
  /// @param bootstrap a process of the machine where the server listens. On another machine, it
  ///   must have the listening socket: the listening process, one that shares its descriptors, or a
  ///   child made since
  /// @return the invocation, owned by the caller
  /// @throws dev.caisson.linux.DeadlineException if the deadline passes first
  /// @throws dev.caisson.remote.StubException if the peer is not a stub, or silent
  /// @throws IllegalArgumentException if `bootstrap` does not have the listening socket
  /// @throws dev.caisson.remote.OtherMachineException if `bootstrap` is on another machine than the
  ///   server
  /// @throws IllegalStateException if this has been closed, or is meanwhile
  public StubInvocation accept(RemoteProcess bootstrap, Duration deadline) throws IOException {
    return source.next(Objects.requireNonNull(bootstrap), deadline);
  }

  /// Stops listening, and removes the files, except where another file has taken their place.
  /// Accepted invocations go on; connections that were not accepted are closed. Idempotent.
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    source.close();
    files.close();
  }
}
