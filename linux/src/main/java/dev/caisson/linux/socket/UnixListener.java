package dev.caisson.linux.socket;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/// A listening Unix socket with a path. See `unix(7)`.
///
/// [#close()] removes the file of a socket that [#listen] created, even if another file system has
/// been mounted over its directory.
///
/// Safe for many threads.
public final class UnixListener implements AutoCloseable {
  private static final int AF_UNIX = 1;

  private final Fd fd;
  private final Optional<SocketFile> file;

  private UnixListener(Fd fd, Optional<SocketFile> file) {
    this.fd = fd;
    this.file = file;
  }

  private record SocketFile(Fd directory, Path name) {
    void remove() {
      try (directory;
          var frame = new Frame()) {
        long path = frame.string(PathBytes.ofName(name)).address();
        frame.call(SystemCall.UNLINKAT, directory.number(), path, 0);
      }
    }
  }

  /// Takes ownership of a listening nonblocking socket that another process created. [#close()]
  /// does not remove its file.
  public static UnixListener of(Fd listening) {
    return new UnixListener(listening, Optional.empty());
  }

  /// Creates the socket and its file, and listens. See `bind(2)`, `listen(2)`.
  ///
  /// @throws SystemCallException EADDRINUSE if a file of that name exists
  public static UnixListener listen(UnixSocket.Type type, Path path, int backlog)
      throws SystemCallException {
    var absolute = path.toAbsolutePath();
    var parent = absolute.getParent();
    var name = absolute.getFileName();
    if (parent == null || name == null) {
      throw new IllegalArgumentException("not the path of a socket: " + path);
    }
    var directory = Fd.open(parent, OpenFlag.PATH, OpenFlag.DIRECTORY);
    try (var frame = new Frame();
        var address = SocketAddress.of(path, frame)) {
      long result = frame.call(SystemCall.SOCKET, AF_UNIX, type.value | OpenFlag.NONBLOCK.bit(), 0);
      var socket = Fd.own(SystemCallException.check(result, SystemCall.SOCKET, "AF_UNIX", type));
      try {
        result =
            frame.call(
                SystemCall.BIND, socket.number(), address.segment().address(), address.length());
        SystemCallException.check(result, SystemCall.BIND, path);
        SystemCallException.check(
            frame.call(SystemCall.LISTEN, socket.number(), backlog), SystemCall.LISTEN, path);
        return new UnixListener(socket, Optional.of(new SocketFile(directory, name)));
      } catch (SystemCallException failure) {
        socket.close();
        throw failure;
      }
    } catch (SystemCallException failure) {
      directory.close();
      throw failure;
    }
  }

  /// The descriptor. The listener keeps ownership.
  public Fd fd() {
    return fd;
  }

  /// Waits for the next connection and accepts it. See `accept4(2)`. The caller closes the socket.
  ///
  /// @throws dev.caisson.linux.DeadlineException if no peer connects in time
  public UnixSocket accept(Duration deadline) throws IOException {
    return UnixSocket.of(Listening.accept(fd, deadline));
  }

  /// Accepts a pending connection; empty if the backlog is empty. The caller closes the socket.
  public Optional<UnixSocket> tryAccept() throws SystemCallException {
    return Listening.tryAccept(fd).map(UnixSocket::of);
  }

  /// Stops listening, and removes the file of a socket that [#listen] created. Idempotent.
  @Override
  public synchronized void close() {
    if (!fd.isOpen()) {
      return;
    }
    fd.close();
    file.ifPresent(SocketFile::remove);
  }
}
