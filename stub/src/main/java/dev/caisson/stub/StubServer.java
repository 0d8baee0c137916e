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
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;

/// Takes the invocations of stubs: of programs that others launch without knowing what they are.
///
/// {@snippet class="dev.caisson.stub.StubServerTest" region="server"}
///
/// It listens in this JVM, or through a [RemoteProcess]: where that process sees files, in another
/// mount, user or network namespace, in a sandbox, or on another machine. On this machine the
/// process is needed only until the server is there, and to remove the files at the end. On another
/// machine, it has to live as long as the server.
///
/// Safe for many threads.
public final class StubServer implements AutoCloseable {
  private static final int BACKLOG = 4096;

  /// For what a peer that has connected has to say.
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

  /// Listens at a path, for stubs that know it: by RSYSCALL_UNIX_STUB_SOCK_PATH, by a link beside
  /// them, or because it was [put into them][dev.caisson.remote.Stub#program(Path)].
  ///
  /// @param path where the socket is made, of any length; it is removed at the end
  public static StubServer listenOn(Path path) throws IOException {
    return listenOn(path, SILENCE);
  }

  /// @param silence how long each peer may take to become a process
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

  /// Listens at a path where a process sees it, for stubs there. See [#listenOn(Path)].
  ///
  /// A path of more than 107 bytes needs `/proc` there. On another machine, the stubs and the
  /// process must see `/proc`; each stub is reached through the ssh that leads to the process, and
  /// ends with it.
  ///
  /// @param process makes the socket, with its user and umask
  /// @param path an absolute path, as the process sees it; the socket is removed at the end, unless
  ///   the process has ended
  /// @throws IllegalArgumentException if the path is not absolute: the process's working directory
  ///   can change
  /// @throws dev.caisson.linux.SystemCallException EADDRINUSE if there is a file of that name
  public static StubServer listenOn(RemoteProcess process, Path path) throws IOException {
    return listenOn(process, path, SILENCE);
  }

  static StubServer listenOn(RemoteProcess process, Path path, Duration silence)
      throws IOException {
    if (!path.isAbsolute()) {
      throw new IllegalArgumentException("not an absolute path: " + path);
    }
    var files = new StubFiles.Through(process);
    // No child may get a copy: the socket would listen when this does not any more.
    synchronized (process.forkLock()) {
      var listener = process.socket(SocketFamily.UNIX, SocketType.STREAM, 0);
      try {
        process.bind(listener, new Sockaddr.Unix(path));
        files.add(path);
        process.listen(listener, BACKLOG);
        // Another process may be faster: then there is nothing to accept.
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

  /// Makes a program of that name in a directory, which connects to this server, and its socket
  /// beside it: `name` and `name.sock`. Both are removed at the end.
  ///
  /// @throws IllegalArgumentException if that cannot be the name of a file
  public static StubServer create(Path directory, String name) throws IOException {
    checkName(name);
    return listenOn(directory.resolve(name + ".sock")).with(directory.resolve(name));
  }

  /// Makes a program of that name in a directory where a process sees it, and its socket beside it:
  /// programs there can launch it. See [#listenOn(RemoteProcess, Path)].
  ///
  /// @param directory an absolute path, as the process sees it
  /// @throws IllegalArgumentException if that cannot be the name of a file, or the path is not
  ///   absolute
  /// @throws dev.caisson.linux.SystemCallException EEXIST, EADDRINUSE if there are such files
  public static StubServer create(RemoteProcess process, Path directory, String name)
      throws IOException {
    checkName(name);
    return listenOn(process, directory.resolve(name + ".sock")).with(directory.resolve(name));
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

  /// Makes one more program that connects to this server, in any directory: `name`, and a link to
  /// the socket, `name.sock`. Both are removed at the end. The process that listens makes it, if
  /// there is one.
  ///
  /// @throws IllegalArgumentException if that cannot be the name of a file
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
      throw new IllegalArgumentException("a stub must have the name of a file: '" + name + "'");
    }
  }

  /// Where it listens.
  public Path socket() {
    return socket;
  }

  /// Waits for the next invocation. Many threads may at once.
  ///
  /// All who connect are heard at once, from the first time on that a thread waits here. A peer
  /// that is silent or slow delays no other. If there are too many of them, or no descriptors, the
  /// longest silent one of the user, and then of the process, that has most connections loses its
  /// connection; that is no failure here.
  ///
  /// @return owned by the caller
  /// @throws dev.caisson.linux.DeadlineException if there is none in time
  /// @throws dev.caisson.remote.StubException if a peer that connected is no stub, or said nothing
  ///   for 30 seconds; the next may be one
  /// @throws dev.caisson.remote.ConnectionLostException if the process that listens on another
  ///   machine has ended
  /// @throws IllegalStateException if this has been closed, or is meanwhile
  public StubInvocation accept(Duration deadline) throws IOException {
    return source.next(deadline);
  }

  /// Waits for the next stub that connects, and has a process make the handshake: it sends the stub
  /// the descriptors by which this JVM reaches it. On another machine, the calls of the stub go the
  /// way of that process from then on. A stub whose handshake has begun before is left to
  /// [#accept(Duration)].
  ///
  /// Many threads may at once. A stub that connects and is silent is waited for, 30 seconds at
  /// most.
  ///
  /// @param bootstrap a process of the machine where the server listens. On another machine, it
  ///   must have the listening socket: the process that listens, one that shares its descriptors,
  ///   or a child made since
  /// @return owned by the caller
  /// @throws dev.caisson.linux.DeadlineException if there is none in time
  /// @throws dev.caisson.remote.StubException if the peer that connected is not a stub, or silent
  /// @throws IllegalArgumentException if `bootstrap` does not have the listening socket
  /// @throws dev.caisson.remote.OtherMachineException if `bootstrap` is on another machine than the
  ///   server
  /// @throws IllegalStateException if this has been closed, or is meanwhile
  public StubInvocation accept(RemoteProcess bootstrap, Duration deadline) throws IOException {
    return source.next(Objects.requireNonNull(bootstrap), deadline);
  }

  /// Stops listening, and removes what it has made, unless somebody has put something else in its
  /// place. Calls that were accepted go on; whoever has not been accepted is sent away. Idempotent.
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
