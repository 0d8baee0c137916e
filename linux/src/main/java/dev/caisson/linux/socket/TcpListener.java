package dev.caisson.linux.socket;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.mount.NetworkNamespace;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/// A TCP socket that others connect to. See `tcp(7)`.
///
/// Safe for many threads.
public final class TcpListener implements AutoCloseable {
  private static final int SOL_SOCKET = 1;
  private static final int SO_REUSEADDR = 2;

  /// What was wrong with a connection that has gone again before it was accepted. See `accept(2)`.
  private static final Set<Long> GONE =
      Set.of(
          (long) -Errno.EAGAIN.number(),
          (long) -Errno.EINTR.number(),
          (long) -Errno.ECONNABORTED.number(),
          (long) -Errno.EPROTO.number());

  private final Fd fd;
  private final InetSocketAddress address;

  private TcpListener(Fd fd, InetSocketAddress address) {
    this.fd = fd;
    this.address = address;
  }

  /// Makes the socket in the network of the calling thread, and listens. See `bind(2)`,
  /// `listen(2)`.
  ///
  /// @param address where; with port 0 the kernel chooses one
  /// @param backlog how many connections may wait to be accepted
  /// @throws SystemCallException EADDRINUSE if another listens there; EADDRNOTAVAIL if the machine
  ///   does not have the address
  public static TcpListener listen(InetSocketAddress address, int backlog)
      throws SystemCallException {
    try (var frame = new Frame()) {
      var sockaddr = InetSockaddr.of(address, frame);
      var socket = Fd.own(StreamSocket.socket(frame, sockaddr.family(), address));
      try {
        var one = frame.allocate(JAVA_INT);
        one.set(JAVA_INT, 0, 1);
        long result =
            frame.call(
                SystemCall.SETSOCKOPT, socket.number(), SOL_SOCKET, SO_REUSEADDR, one.address(), 4);
        SystemCallException.check(result, SystemCall.SETSOCKOPT, "SO_REUSEADDR");
        result =
            frame.call(
                SystemCall.BIND, socket.number(), sockaddr.segment().address(), sockaddr.length());
        SystemCallException.check(result, SystemCall.BIND, address);
        result = frame.call(SystemCall.LISTEN, socket.number(), backlog);
        SystemCallException.check(result, SystemCall.LISTEN, address);
        return new TcpListener(socket, getsockname(socket, frame));
      } catch (SystemCallException failure) {
        socket.close();
        throw failure;
      }
    }
  }

  /// Makes the socket in another network, and listens there: only what runs in that network can
  /// connect, and no process in it is needed for that. See [NetworkNamespace].
  ///
  /// The network lives as long as the socket.
  ///
  /// @throws SystemCallException EADDRNOTAVAIL for a loopback address if the network's loopback
  ///   interface is down; else as [#listen] and [NetworkNamespace#call]
  public static TcpListener inNetworkOf(Fd namespace, InetSocketAddress address, int backlog)
      throws SystemCallException {
    return NetworkNamespace.call(namespace, () -> listen(address, backlog));
  }

  /// Takes over a descriptor that is a listening TCP socket, of whichever network.
  public static TcpListener of(Fd socket) throws SystemCallException {
    try (var frame = new Frame()) {
      var address = getsockname(socket, frame);
      return new TcpListener(socket.move(), address);
    }
  }

  /// The descriptor, which stays the listener's.
  public Fd fd() {
    return fd;
  }

  private static InetSocketAddress getsockname(Fd socket, Frame frame) throws SystemCallException {
    var name = frame.allocate(InetSockaddr.ROOM, 8);
    var length = frame.allocate(JAVA_INT);
    length.set(JAVA_INT, 0, InetSockaddr.ROOM);
    long result =
        frame.call(SystemCall.GETSOCKNAME, socket.number(), name.address(), length.address());
    SystemCallException.check(result, SystemCall.GETSOCKNAME, socket);
    return InetSockaddr.read(name);
  }

  /// Where it listens.
  public InetSocketAddress address() {
    return address;
  }

  /// The port on which it listens.
  public int port() {
    return address.getPort();
  }

  /// Takes the next connection, waiting for it. See `accept4(2)`.
  ///
  /// @throws dev.caisson.linux.DeadlineException if no peer connects in time
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  /// @throws SystemCallException EMFILE if this process has no more descriptors; the connection
  ///   goes on waiting
  public StreamSocket accept(Duration deadline) throws IOException {
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
  public Optional<StreamSocket> tryAccept() throws SystemCallException {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.ACCEPT4, socket, 0, 0, OpenFlag.CLOEXEC);
      if (GONE.contains(result)) {
        return Optional.empty();
      }
      var accepted = Fd.own(SystemCallException.check(result, SystemCall.ACCEPT4, socket));
      StreamSocket.noDelay(accepted);
      return Optional.of(StreamSocket.of(accepted));
    } finally {
      fd.exit();
    }
  }

  /// Stops listening; what waits to be accepted is broken off. Idempotent.
  @Override
  public void close() {
    fd.close();
  }
}
