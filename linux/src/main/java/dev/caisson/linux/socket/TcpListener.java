package dev.caisson.linux.socket;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.mount.NetworkNamespace;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;

/// A listening TCP socket. See `tcp(7)`.
///
/// Safe for many threads.
public final class TcpListener implements AutoCloseable {
  private static final int SOL_SOCKET = 1;
  private static final int SO_REUSEADDR = 2;

  private final Fd fd;
  private final InetSocketAddress address;

  private TcpListener(Fd fd, InetSocketAddress address) {
    this.fd = fd;
    this.address = address;
  }

  /// Creates the socket in the network namespace of the calling thread, and listens. See `bind(2)`,
  /// `listen(2)`.
  ///
  /// @param address the address to bind; the kernel chooses the port if it is 0
  /// @param backlog the number of connections that may wait to be accepted
  /// @throws SystemCallException EADDRINUSE if another socket listens there; EADDRNOTAVAIL if the
  ///   machine does not have the address
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

  /// Creates the socket in another network namespace, and listens there. Only processes of that
  /// namespace can connect. No process needs to run there for this call. See [NetworkNamespace].
  ///
  /// The open socket keeps the namespace alive.
  ///
  /// @throws SystemCallException EADDRNOTAVAIL for a loopback address if the namespace's loopback
  ///   interface is down; the errors of [#listen] and [NetworkNamespace#call]
  public static TcpListener inNetworkOf(Fd namespace, InetSocketAddress address, int backlog)
      throws SystemCallException {
    return NetworkNamespace.call(namespace, () -> listen(address, backlog));
  }

  /// Takes ownership of a listening TCP socket, of any network namespace.
  public static TcpListener of(Fd socket) throws SystemCallException {
    try (var frame = new Frame()) {
      var address = getsockname(socket, frame);
      return new TcpListener(socket.move(), address);
    }
  }

  /// The descriptor. The listener keeps ownership.
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

  /// The bound address.
  public InetSocketAddress address() {
    return address;
  }

  /// The bound port.
  public int port() {
    return address.getPort();
  }

  /// Waits for the next connection and accepts it. See `accept4(2)`. The caller closes the socket.
  ///
  /// @throws dev.caisson.linux.DeadlineException if no peer connects in time
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  /// @throws SystemCallException EMFILE if this process has no free descriptor; the connection
  ///   stays in the backlog
  public StreamSocket accept(Duration deadline) throws IOException {
    return accepted(Listening.accept(fd, deadline));
  }

  /// Accepts a pending connection; empty if the backlog is empty. The caller closes the socket.
  public Optional<StreamSocket> tryAccept() throws SystemCallException {
    return Listening.tryAccept(fd).map(TcpListener::accepted);
  }

  private static StreamSocket accepted(Fd socket) {
    StreamSocket.noDelay(socket);
    return StreamSocket.of(socket);
  }

  /// Stops listening. The kernel resets the connections in the backlog. Idempotent.
  @Override
  public void close() {
    fd.close();
  }
}
