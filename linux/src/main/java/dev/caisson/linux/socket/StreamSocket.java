package dev.caisson.linux.socket;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.util.concurrent.locks.LockSupport;

/// A connected stream socket, over TCP or between local processes. See `tcp(7)`, `unix(7)`.
///
/// The socket owns its descriptor. One thread may send while another receives. No call blocks in
/// the kernel, whatever the mode of the descriptor: a thread waits for its peer as in [Fd#await],
/// until its deadline, an interrupt or [#close()].
public final class StreamSocket implements AutoCloseable {
  private static final int SOCK_STREAM = 1;
  private static final int SOL_SOCKET = 1;
  private static final int SO_ERROR = 4;
  private static final int IPPROTO_TCP = 6;
  private static final int TCP_NODELAY = 1;
  private static final int F_SETFL = 4;
  private static final int SHUT_RD = 0;
  private static final int SHUT_WR = 1;
  private static final int MSG_PEEK = 0x2;
  private static final int MSG_DONTWAIT = 0x40;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int CHUNK = 128 * 1024;
  private static final int SO_LINGER = 13;

  /// SIOCOUTQ of asm-generic/sockios.h: the number of sent bytes that the peer has not
  /// acknowledged.
  private static final int SIOCOUTQ = 0x5411;

  private static final long LONGEST_PAUSE_NANOS = 50_000_000;

  private final Fd fd;

  private StreamSocket(Fd fd) {
    this.fd = fd;
  }

  /// Takes ownership of a connected socket without message boundaries.
  public static StreamSocket of(Fd socket) {
    return new StreamSocket(socket.move());
  }

  /// Connects over TCP, without delay for small segments (TCP_NODELAY). See `connect(2)`.
  ///
  /// The descriptor is blocking, because programs that receive it expect that. **A process that has
  /// the descriptor can reconnect it to any address** in the network namespace in which it was
  /// created: `connect(2)` with AF_UNSPEC dissolves the association. So do not pass it to a process
  /// whose network access is restricted.
  ///
  /// @throws SystemCallException such as ECONNREFUSED, ENETUNREACH, EHOSTUNREACH
  /// @throws dev.caisson.linux.DeadlineException if the peer does not answer in time
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  /// @throws IllegalArgumentException if the address has not been resolved
  public static StreamSocket connect(InetSocketAddress address, Deadline deadline)
      throws IOException {
    Fd socket;
    boolean connected;
    try (var frame = new Frame()) {
      var sockaddr = InetSockaddr.of(address, frame);
      socket = Fd.own(socket(frame, sockaddr.family(), address));
      try {
        long result =
            frame.call(
                SystemCall.CONNECT,
                socket.number(),
                sockaddr.segment().address(),
                sockaddr.length());
        connected = result >= 0;
        if (result != -Errno.EINPROGRESS.number()) {
          SystemCallException.check(result, SystemCall.CONNECT, address);
        }
      } catch (SystemCallException failure) {
        socket.close();
        throw failure;
      }
    }
    try {
      if (!connected) {
        socket.await(PollEvent.OUT.bit(), deadline, "a connection to " + address);
        checkConnected(socket, address);
      }
      noDelay(socket);
      socket.call(SystemCall.FCNTL, F_SETFL, 0);
      return new StreamSocket(socket);
    } catch (IOException failure) {
      socket.close();
      throw failure;
    }
  }

  /// Creates a nonblocking TCP socket.
  static long socket(Frame frame, int family, InetSocketAddress address)
      throws SystemCallException {
    int type = SOCK_STREAM | OpenFlag.CLOEXEC | OpenFlag.NONBLOCK.bit();
    return SystemCallException.check(
        frame.call(SystemCall.SOCKET, family, type, 0), SystemCall.SOCKET, address);
  }

  private static void checkConnected(Fd socket, InetSocketAddress address)
      throws SystemCallException {
    try (var frame = new Frame()) {
      var error = frame.allocate(JAVA_INT);
      var length = frame.allocate(JAVA_INT);
      length.set(JAVA_INT, 0, 4);
      long result =
          frame.call(
              SystemCall.GETSOCKOPT,
              socket.number(),
              SOL_SOCKET,
              SO_ERROR,
              error.address(),
              length.address());
      SystemCallException.check(result, SystemCall.GETSOCKOPT, address, "SO_ERROR");
      SystemCallException.check(-error.get(JAVA_INT, 0), SystemCall.CONNECT, address);
    }
  }

  static void noDelay(Fd socket) {
    try (var frame = new Frame()) {
      var one = frame.allocate(JAVA_INT);
      one.set(JAVA_INT, 0, 1);
      // If this fails, the connection is slower, or broken, which its user will notice.
      frame.call(
          SystemCall.SETSOCKOPT, socket.number(), IPPROTO_TCP, TCP_NODELAY, one.address(), 4);
    }
  }

  /// The descriptor. The socket keeps ownership.
  public Fd fd() {
    return fd;
  }

  /// The address of the peer of a TCP connection. See `getpeername(2)`.
  ///
  /// @throws SystemCallException ENOTCONN if the connection is broken
  public InetSocketAddress getpeername() throws SystemCallException {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      var name = frame.allocate(InetSockaddr.ROOM, 8);
      var length = frame.allocate(JAVA_INT);
      length.set(JAVA_INT, 0, InetSockaddr.ROOM);
      long result = frame.call(SystemCall.GETPEERNAME, socket, name.address(), length.address());
      SystemCallException.check(result, SystemCall.GETPEERNAME, socket);
      return InetSockaddr.read(name);
    } finally {
      fd.exit();
    }
  }

  /// Moves the descriptor to a new owner. Afterwards this object is closed.
  public Fd move() {
    return fd.move();
  }

  /// Receives the available bytes, waiting for at least one. See `recv(2)`.
  ///
  /// @return the number of bytes; -1 if the peer has shut down its sending side
  /// @throws SystemCallException ECONNRESET if the peer has reset the connection
  /// @throws dev.caisson.linux.DeadlineException if no byte arrives in time
  public int recv(byte[] buffer, int offset, int length, Deadline deadline) throws IOException {
    int socket = fd.enter();
    try {
      while (true) {
        int count = recvNow(socket, buffer, offset, Math.min(length, CHUNK));
        if (count >= 0) {
          return count == 0 && length > 0 ? -1 : count;
        }
        fd.await(PollEvent.IN.bit(), deadline, "bytes to receive");
      }
    } finally {
      fd.exit();
    }
  }

  /// @return -1 if no bytes are available
  private static int recvNow(int socket, byte[] buffer, int offset, int length)
      throws SystemCallException {
    try (var frame = new Frame()) {
      var bytes = frame.buffer(length);
      long result = frame.call(SystemCall.RECVFROM, socket, bytes.address(), length, MSG_DONTWAIT);
      if (nothingYet(result)) {
        return -1;
      }
      int count = (int) SystemCallException.check(result, SystemCall.RECVFROM, socket, length);
      MemorySegment.copy(bytes, JAVA_BYTE, 0, buffer, offset, count);
      return count;
    }
  }

  /// Whether a receive would not block: bytes, the end or an error are pending. See `recv(2)`,
  /// MSG_PEEK.
  public boolean ready() {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      var one = frame.buffer(1);
      int flags = MSG_DONTWAIT | MSG_PEEK;
      return !nothingYet(frame.call(SystemCall.RECVFROM, socket, one.address(), 1, flags));
    } finally {
      fd.exit();
    }
  }

  /// Sends as many bytes as there is room for, waiting for room for at least one. See `send(2)`.
  ///
  /// A broken connection is an EPIPE or ECONNRESET, never a signal.
  ///
  /// @return the number of bytes sent; 0 only if `length` is 0
  /// @throws dev.caisson.linux.DeadlineException if the peer does not read in time; nothing was
  ///   sent then
  public int send(byte[] data, int offset, int length, Deadline deadline) throws IOException {
    int socket = fd.enter();
    try {
      while (true) {
        int count = sendNow(socket, data, offset, Math.min(length, CHUNK));
        if (count >= 0) {
          return count;
        }
        fd.await(PollEvent.OUT.bit(), deadline, "room to send bytes");
      }
    } finally {
      fd.exit();
    }
  }

  /// Sends all bytes, as [#send(byte[], int, int, Deadline)] does. On a failure, some bytes may
  /// have been sent.
  public void send(byte[] data, Deadline deadline) throws IOException {
    for (int done = 0; done < data.length; ) {
      done += send(data, done, data.length - done, deadline);
    }
  }

  private static int sendNow(int socket, byte[] data, int offset, int length)
      throws SystemCallException {
    try (var frame = new Frame()) {
      var bytes = frame.buffer(length);
      MemorySegment.copy(data, offset, bytes, JAVA_BYTE, 0, length);
      int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      long result = frame.call(SystemCall.SENDTO, socket, bytes.address(), length, flags);
      return nothingYet(result)
          ? -1
          : (int) SystemCallException.check(result, SystemCall.SENDTO, socket, length);
    }
  }

  private static boolean nothingYet(long result) {
    return result == -Errno.EAGAIN.number() || result == -Errno.EINTR.number();
  }

  /// Shuts down sending: the peer sees the end of the stream. Receiving still works. See
  /// `shutdown(2)`, SHUT_WR.
  ///
  /// @throws SystemCallException ENOTCONN if the connection is broken
  public void shutdownOutput() throws SystemCallException {
    fd.call(SystemCall.SHUTDOWN, SHUT_WR, 0);
  }

  /// Shuts down receiving: after the bytes that have arrived, [#recv] returns the end. Wakes a
  /// thread that waits to receive. Sending still works. See `shutdown(2)`, SHUT_RD.
  ///
  /// @throws SystemCallException ENOTCONN if the connection is broken
  public void shutdownInput() throws SystemCallException {
    fd.call(SystemCall.SHUTDOWN, SHUT_RD, 0);
  }

  /// Closes the socket so that its peer sees an error (ECONNRESET) instead of the end of the
  /// stream. See `socket(7)`, SO_LINGER. Waits until the peer has received the sent bytes, which it
  /// can still read. Idempotent.
  ///
  /// A local socket has no such error: its peer sees the end.
  ///
  /// @param deadline the limit of the wait; an interrupt ends it, too, and stays set
  public void reset(Deadline deadline) {
    try {
      long pause = LONGEST_PAUSE_NANOS >> 10;
      while (unsent() > 0 && !deadline.expired() && !Thread.currentThread().isInterrupted()) {
        LockSupport.parkNanos(pause);
        pause = Math.min(2 * pause, LONGEST_PAUSE_NANOS);
      }
      lingerNot();
    } catch (SystemCallException | IllegalStateException broken) {
      // The connection has already ended.
    } finally {
      close();
    }
  }

  private int unsent() throws SystemCallException {
    try (var frame = new Frame()) {
      var count = frame.allocate(JAVA_INT);
      fd.call(SystemCall.IOCTL, SIOCOUTQ, count.address());
      return count.get(JAVA_INT, 0);
    }
  }

  /// Makes [#close()] drop the bytes that have not been sent, and reset the connection.
  private void lingerNot() {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      var linger = frame.allocate(2 * JAVA_INT.byteSize(), JAVA_INT.byteAlignment());
      linger.set(JAVA_INT, 0, 1);
      linger.set(JAVA_INT, JAVA_INT.byteSize(), 0);
      frame.call(
          SystemCall.SETSOCKOPT,
          socket,
          SOL_SOCKET,
          SO_LINGER,
          linger.address(),
          linger.byteSize());
    } finally {
      fd.exit();
    }
  }

  /// Closes the descriptor, and wakes the threads that wait in a call on it. Idempotent.
  @Override
  public void close() {
    fd.close();
  }
}
