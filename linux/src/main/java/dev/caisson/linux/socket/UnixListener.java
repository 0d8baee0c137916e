package dev.caisson.linux.socket;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/// A Unix socket that others connect to by its path. See `unix(7)`.
///
/// Closing it removes the file of a socket that it has made, whatever has been mounted over its
/// directory meanwhile.
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

  /// Takes over a socket that listens already, and does not block: another process has made it. Its
  /// file stays when this is closed.
  public static UnixListener of(Fd listening) {
    return new UnixListener(listening, Optional.empty());
  }

  /// Makes the socket and its file, and listens. See `bind(2)`, `listen(2)`.
  ///
  /// @throws SystemCallException EADDRINUSE if there is a file of that name
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

  /// The descriptor, which stays the listener's.
  public Fd fd() {
    return fd;
  }

  /// Takes the next connection, waiting for it. See `accept4(2)`.
  ///
  /// @throws dev.caisson.linux.DeadlineException if no peer connects in time
  public UnixSocket accept(Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    while (true) {
      var next = tryAccept();
      if (next.isPresent()) {
        return next.get();
      }
      fd.await(PollEvent.IN.bit(), until, "a connection");
    }
  }

  /// Takes a connection that is there already.
  public Optional<UnixSocket> tryAccept() throws SystemCallException {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.ACCEPT4, socket, 0, 0, OpenFlag.CLOEXEC);
      if (result == -Errno.EAGAIN.number() || result == -Errno.ECONNABORTED.number()) {
        return Optional.empty();
      }
      var accepted = Fd.own(SystemCallException.check(result, SystemCall.ACCEPT4, socket));
      return Optional.of(UnixSocket.of(accepted));
    } finally {
      fd.exit();
    }
  }

  /// Stops listening and removes the socket's file. Idempotent.
  @Override
  public synchronized void close() {
    if (!fd.isOpen()) {
      return;
    }
    fd.close();
    file.ifPresent(SocketFile::remove);
  }
}
