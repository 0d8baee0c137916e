package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.UnixListener;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Takes the calls of stubs: of programs that others launch without knowing what they are.
///
/// {@snippet class="dev.caisson.remote.StubServerTest" region="server"}
public final class StubServer implements AutoCloseable {
  private static final int BACKLOG = 1024;
  private static final Duration BOOTSTRAP = Duration.ofSeconds(30);

  private final UnixListener listener;
  private final List<Path> files = new ArrayList<>();
  private final Path socket;

  private StubServer(UnixListener listener, Path socket) {
    this.listener = listener;
    this.socket = socket;
  }

  /// Listens at a path, for stubs that know it: by RSYSCALL_UNIX_STUB_SOCK_PATH, by a link beside
  /// them, or because it was [put into them][Stub#program(Path)].
  ///
  /// @param path where the socket is made, of any length; it is removed at the end
  public static StubServer listenOn(Path path) throws IOException {
    return new StubServer(
        UnixListener.listen(UnixSocket.Type.STREAM, path, BACKLOG), path.toAbsolutePath());
  }

  /// Makes a program of that name in a directory, which calls this server, and its socket beside
  /// it: `name` and `name.sock`. Both are removed at the end.
  ///
  /// @throws IllegalArgumentException if that cannot be the name of a file
  public static StubServer create(Path directory, String name) throws IOException {
    checkName(name);
    var server = listenOn(directory.resolve(name + ".sock"));
    try {
      var file = directory.resolve(name);
      Stub.write(Stub.program(), file);
      server.files.add(file);
      return server;
    } catch (IOException | RuntimeException failure) {
      server.close();
      throw failure;
    }
  }

  /// Makes one more program that calls this server, in any directory: `name`, and a link to the
  /// socket, `name.sock`. Both are removed at the end.
  ///
  /// @throws IllegalArgumentException if that cannot be the name of a file
  public synchronized StubServer add(Path directory, String name) throws IOException {
    checkName(name);
    var link = directory.resolve(name + ".sock");
    Files.createSymbolicLink(link, socket);
    files.add(link);
    var file = directory.resolve(name);
    Stub.write(Stub.program(), file);
    files.add(file);
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

  /// Waits for the next who calls. May be called by many threads at once: one that connects and is
  /// silent keeps no more than one of them, for 30 seconds at most.
  ///
  /// @throws dev.caisson.linux.DeadlineException if nobody calls in time
  /// @throws StubException if somebody connected who is no stub; the next may be one
  public StubCall accept(Duration deadline) throws IOException {
    try (var connection = connection(deadline)) {
      return launched(connection);
    }
  }

  /// Waits for the next who connects, and may have nothing to say.
  UnixSocket connection(Duration deadline) throws IOException {
    return listener.accept(deadline);
  }

  /// Hears from somebody who has connected what was called; 30 seconds at most. Closes the
  /// connection, unless this JVM lacks something, such as descriptors: then it can be tried again.
  ///
  /// @throws SystemCallException if that is so
  static StubCall launched(UnixSocket connection) throws IOException {
    var credentials = connection.peerCredentials();
    var pidfd = connection.peerPidfd();
    try {
      var launched = Bootstrap.launched(connection, Deadline.in(BOOTSTRAP));
      connection.close();
      return new StubCall(launched, credentials, pidfd);
    } catch (IOException | RuntimeException failure) {
      pidfd.ifPresent(Fd::close);
      throw failure;
    }
  }

  /// Stops listening, and removes what it has made. Calls that were accepted go on. Idempotent.
  @Override
  public synchronized void close() {
    listener.close();
    for (var file : files) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException notOurs) {
        // Somebody has taken its place.
      }
    }
    files.clear();
  }
}
