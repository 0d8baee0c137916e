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
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.spi.AbstractInterruptibleChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// A connected Unix socket that carries bytes and descriptors. See `unix(7)`.
///
/// The socket owns its descriptor, and must be the only receiver of the socket. One thread may send
/// while another receives. Each blocking call has a deadline and ends on an interrupt.
public final class UnixSocket implements AutoCloseable {
  /// The most descriptors that one message can carry: SCM_MAX_FD of the kernel.
  public static final int MAX_DESCRIPTORS = 253;

  private static final int AF_UNIX = 1;
  private static final int SOL_SOCKET = 1;
  private static final int SO_TYPE = 3;
  private static final int SO_RCVTIMEO = 20;
  private static final int SO_SNDTIMEO = 21;
  private static final int MSG_PEEK = 0x2;
  private static final int MSG_TRUNC = 0x20;
  private static final int MSG_DONTWAIT = 0x40;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int MSG_CMSG_CLOEXEC = 0x40000000;
  private static final int STREAM_CHUNK = 64 * 1024;

  /// The interval at which a blocked thread checks for an interrupt, in nanoseconds.
  private static final long LOOK = 50_000_000;

  /// The time by which a receiver may exceed its deadline, in nanoseconds.
  private static final long TIMEOUT_SLACK = 1_000_000;

  private final Fd fd;
  private final boolean stream;

  /// The receive timeout last set in the kernel, in nanoseconds; unlimited at first.
  private volatile long receiveTimeout = Long.MAX_VALUE;

  /// The number of threads that may block in the kernel.
  private final AtomicInteger blocked = new AtomicInteger();

  private final Interruption interruption = new Interruption();

  private UnixSocket(Fd fd, Type type) {
    this.fd = fd;
    this.stream = type == Type.STREAM;
    fd.onClose(socket -> {
      if (blocked.get() > 0) {
        shutdown(socket);
      }
    });
  }

  /// The type of a Unix socket. See `unix(7)`.
  public enum Type {
    /// Bytes without boundaries: SOCK_STREAM.
    STREAM(1),
    /// Messages, without an end of the connection: SOCK_DGRAM.
    DGRAM(2),
    /// Messages, in order, with an end of the connection: SOCK_SEQPACKET.
    SEQPACKET(5);

    final int value;

    Type(int value) {
      this.value = value | OpenFlag.CLOEXEC;
    }

    private int number() {
      return value & ~OpenFlag.CLOEXEC;
    }
  }

  /// Creates two connected sockets. See `socketpair(2)`.
  public static Pair socketpair(Type type) throws SystemCallException {
    try (var frame = new Frame()) {
      var ends = frame.allocate(JAVA_INT, 2);
      long result = frame.call(SystemCall.SOCKETPAIR, AF_UNIX, type.value, 0, ends.address());
      SystemCallException.check(result, SystemCall.SOCKETPAIR, "AF_UNIX", type);
      return new Pair(
          new UnixSocket(Fd.own(ends.getAtIndex(JAVA_INT, 0)), type),
          new UnixSocket(Fd.own(ends.getAtIndex(JAVA_INT, 1)), type));
    }
  }

  /// The two ends of [#socketpair].
  public record Pair(UnixSocket ours, UnixSocket theirs) implements AutoCloseable {
    @Override
    public void close() {
      ours.close();
      theirs.close();
    }
  }

  /// Takes ownership of a connected Unix socket.
  public static UnixSocket of(Fd socket) {
    var type = typeOf(socket);
    return new UnixSocket(socket.move(), type);
  }

  private static Type typeOf(Fd socket) {
    return number(socket) == Type.STREAM.number() ? Type.STREAM : Type.SEQPACKET;
  }

  /// Asks the kernel for the type of the socket. See `socket(7)`, SO_TYPE.
  ///
  /// @throws SystemCallException ENOTSOCK if the descriptor is not a socket; EPROTOTYPE if the type
  ///   is not in [Type]
  public Type type() throws SystemCallException {
    long number = number(fd);
    SystemCallException.check(number, SystemCall.GETSOCKOPT, fd, "SO_TYPE");
    for (var type : Type.values()) {
      if (type.number() == number) {
        return type;
      }
    }
    throw new SystemCallException(Errno.EPROTOTYPE, "getsockopt", fd + ", SO_TYPE: " + number);
  }

  /// @return the number of the type, or a negated errno
  private static long number(Fd socket) {
    int number = socket.enter();
    try (var frame = new Frame()) {
      var type = frame.allocate(JAVA_INT);
      var length = frame.allocate(JAVA_INT);
      length.set(JAVA_INT, 0, 4);
      long result =
          frame.call(
              SystemCall.GETSOCKOPT, number, SOL_SOCKET, SO_TYPE, type.address(), length.address());
      return result < 0 ? result : type.get(JAVA_INT, 0);
    } finally {
      socket.exit();
    }
  }

  /// Connects to a listening socket by its path, of any length. The kernel gives the new socket a
  /// unique abstract address (autobind). See `connect(2)`, `unix(7)`.
  ///
  /// @throws SystemCallException ENOENT or ECONNREFUSED if no listener has the path; EAGAIN if the
  ///   listener's backlog stays full until the deadline
  public static UnixSocket connect(Type type, Path path, Duration deadline) throws IOException {
    try (var frame = new Frame();
        var address = SocketAddress.of(path, frame)) {
      long result = frame.call(SystemCall.SOCKET, AF_UNIX, type.value, 0);
      var socket = Fd.own(SystemCallException.check(result, SystemCall.SOCKET, "AF_UNIX", type));
      try {
        int familyOnly = 2;
        result =
            frame.call(SystemCall.BIND, socket.number(), address.segment().address(), familyOnly);
        SystemCallException.check(result, SystemCall.BIND, "autobind");
        // A full backlog blocks connect(2), and the kernel offers no event to wait for. So the
        // timeout must be set on the socket.
        result =
            frame.call(
                SystemCall.SETSOCKOPT,
                socket.number(),
                SOL_SOCKET,
                SO_SNDTIMEO,
                frame.timeval(deadline).address(),
                16);
        SystemCallException.check(result, SystemCall.SETSOCKOPT, "SO_SNDTIMEO");
        result =
            frame.call(
                SystemCall.CONNECT, socket.number(), address.segment().address(), address.length());
        SystemCallException.check(result, SystemCall.CONNECT, path);
        return new UnixSocket(socket, type);
      } catch (SystemCallException failure) {
        socket.close();
        throw failure;
      }
    }
  }

  /// The descriptor. The socket keeps ownership.
  public Fd fd() {
    return fd;
  }

  /// Moves the descriptor to a new owner. Afterwards this object is closed.
  public Fd move() {
    return fd.move();
  }

  /// Sends bytes and descriptors in one message. See `sendmsg(2)`, SCM_RIGHTS.
  ///
  /// The caller keeps ownership of the descriptors. A broken connection is an EPIPE, never a
  /// signal.
  ///
  /// @param descriptors [#MAX_DESCRIPTORS] at most
  /// @throws dev.caisson.linux.DeadlineException if the peer does not read in time
  /// @throws SystemCallException EBADF if one of the descriptors is not open; nothing was sent then
  public void sendmsg(byte[] data, List<Fd> descriptors, Deadline deadline) throws IOException {
    sendmsg(data, data.length, descriptors, deadline);
  }

  /// Sends the first `length` bytes of an array, as [#sendmsg(byte[], List, Deadline)] does.
  public void sendmsg(byte[] data, int length, List<Fd> descriptors, Deadline deadline)
      throws IOException {
    if (descriptors.size() > MAX_DESCRIPTORS) {
      throw new IllegalArgumentException(
          "one message carries 253 descriptors at most, not " + descriptors.size());
    }
    int[] numbers = new int[descriptors.size()];
    int entered = 0;
    int socket = fd.enter();
    try {
      for (; entered < numbers.length; entered++) {
        numbers[entered] = descriptors.get(entered).enter();
      }
      int sent = 0;
      while (true) {
        int count = sendNow(socket, data, sent, length, sent == 0 ? numbers : new int[0]);
        sent += Math.max(count, 0);
        if (count >= 0 && sent == length) {
          return;
        }
        fd.await(PollEvent.OUT.bit(), deadline, "room to send a message");
      }
    } finally {
      for (int i = 0; i < entered; i++) {
        descriptors.get(i).exit();
      }
      fd.exit();
    }
  }

  /// Sends without blocking: a message as a whole or not at all, a stream perhaps in part.
  ///
  /// @return the number of bytes sent; -1 if there was no room
  private static int sendNow(int socket, byte[] data, int from, int length, int[] descriptors)
      throws SystemCallException {
    try (var frame = new Frame()) {
      var bytes = frame.buffer(length - from);
      MemorySegment.copy(data, from, bytes, JAVA_BYTE, 0, length - from);
      var header = new MessageHeader(frame, bytes, descriptors.length);
      if (descriptors.length > 0) {
        header.descriptors(descriptors);
      }
      long result;
      do {
        result =
            frame.call(SystemCall.SENDMSG, socket, header.address(), MSG_DONTWAIT | MSG_NOSIGNAL);
        // The kernel reports ECONNRESET once if the peer closed without reading everything. Later
        // calls return EPIPE.
      } while (result == -Errno.ECONNRESET.number());
      return result == -Errno.EAGAIN.number()
          ? -1
          : (int) checkSent(result, socket, length, descriptors.length);
    }
  }

  private static long checkSent(long result, int socket, int bytes, int descriptors)
      throws SystemCallException {
    if (result < 0) {
      throw SystemCallException.of(
          result, "sendmsg", socket, bytes + " bytes", descriptors + " descriptors");
    }
    return result;
  }

  /// Sends all bytes of native memory over a stream. A broken connection is an EPIPE, never a
  /// signal.
  ///
  /// @throws dev.caisson.linux.DeadlineException if the peer does not read in time; a part may have
  ///   been sent then
  public void send(MemorySegment bytes, Deadline deadline) throws IOException {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      long sent = 0;
      while (sent < bytes.byteSize()) {
        long result =
            frame.call(
                SystemCall.SENDTO,
                socket,
                bytes.address() + sent,
                bytes.byteSize() - sent,
                MSG_DONTWAIT | MSG_NOSIGNAL);
        if (result == -Errno.EAGAIN.number()) {
          fd.await(PollEvent.OUT.bit(), deadline, "room to send");
        } else if (result != -Errno.ECONNRESET.number()) {
          sent += checkSent(result, socket, (int) bytes.byteSize(), 0);
        }
      }
    } finally {
      fd.exit();
    }
  }

  /// Receives at least one byte of a stream into native memory. Unlike with [#recvmsg], an
  /// interrupt does not shut down the connection.
  ///
  /// A platform thread blocks in the kernel, and checks for an interrupt twenty times a second. A
  /// virtual thread leaves its carrier.
  ///
  /// @return the number of bytes; -1 at the end of the connection
  /// @throws dev.caisson.linux.DeadlineException if no byte arrives in time
  /// @throws InterruptedIOException if the thread is interrupted; the interrupt stays set
  public int recv(MemorySegment room, Deadline deadline) throws IOException {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      while (true) {
        boolean blocks = !Thread.currentThread().isVirtual();
        long result =
            blocks ? recvBlocked(frame, socket, room, deadline) : recvNow(frame, socket, room);
        if (result != -Errno.EAGAIN.number()) {
          int count = (int) SystemCallException.check(result, SystemCall.RECVFROM, socket);
          return count == 0 ? -1 : count;
        }
        if (!blocks) {
          fd.await(PollEvent.IN.bit(), deadline, "bytes");
        } else if (Thread.currentThread().isInterrupted()) {
          throw new InterruptedIOException("interrupted while waiting for bytes");
        } else if (deadline.expired()) {
          throw deadline.exception("bytes");
        } else if (!fd.isOpen()) {
          throw new AsynchronousCloseException();
        }
      }
    } finally {
      fd.exit();
    }
  }

  /// Receives the available bytes of a stream into native memory, without waiting. Ignores an
  /// interrupt.
  ///
  /// @return the number of bytes; 0 if none are available; -1 at the end of the connection
  public int recvNow(MemorySegment room) throws SystemCallException {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      long result = recvNow(frame, socket, room);
      if (result == -Errno.EAGAIN.number()) {
        return 0;
      }
      int count = (int) SystemCallException.check(result, SystemCall.RECVFROM, socket);
      return count == 0 ? -1 : count;
    } finally {
      fd.exit();
    }
  }

  private static long recvNow(Frame frame, int socket, MemorySegment room) {
    return receive(
        frame, SystemCall.RECVFROM, socket, room.address(), room.byteSize(), MSG_DONTWAIT);
  }

  private long recvBlocked(Frame frame, int socket, MemorySegment room, Deadline deadline)
      throws SystemCallException {
    setReceiveTimeout(socket, Math.min(deadline.remaining().toNanos(), LOOK));
    blocked.incrementAndGet();
    try {
      return fd.isOpen() && !Thread.currentThread().isInterrupted()
          ? receive(frame, SystemCall.RECVFROM, socket, room.address(), room.byteSize(), 0)
          : recvNow(frame, socket, room);
    } finally {
      blocked.decrementAndGet();
    }
  }

  /// Receives one message, or the available bytes of a stream, with descriptors. The descriptors
  /// are CLOEXEC, and the caller owns them.
  ///
  /// A message longer than the limit is dropped, and its descriptors are closed: the result is
  /// [truncated][Received#isTruncated()]. See `recvmsg(2)`.
  ///
  /// A platform thread blocks in the kernel, which has the lowest latency. A virtual thread leaves
  /// its carrier. An interrupt during the wait [shuts down][#shutdown()] the connection, as with a
  /// [java.nio.channels.InterruptibleChannel].
  ///
  /// @param limit the longest accepted message, in bytes
  /// @return the message; of 0 bytes without descriptors at the end of the connection
  /// @throws dev.caisson.linux.DeadlineException if no message arrives in time
  /// @throws InterruptedIOException if the thread is interrupted; the interrupt stays set
  /// @throws AsynchronousCloseException if the socket is closed meanwhile
  public Received recvmsg(int limit, Deadline deadline) throws IOException {
    int socket = fd.enter();
    try {
      var received =
          Thread.currentThread().isVirtual()
              ? receive(socket, limit, MSG_DONTWAIT)
              : receiveBlocked(socket, limit, deadline);
      while (received == null) {
        try {
          fd.await(PollEvent.IN.bit(), deadline, "a message");
        } catch (InterruptedIOException interrupt) {
          shutdown();
          throw interrupt;
        }
        received = receive(socket, limit, MSG_DONTWAIT);
      }
      if (received.isEndOfFile() && !fd.isOpen()) {
        throw new AsynchronousCloseException();
      }
      return received;
    } finally {
      fd.exit();
    }
  }

  /// Receives a pending message as [#recvmsg] does, without waiting; empty if no message is
  /// pending. Ignores an interrupt.
  ///
  /// @param limit the longest accepted message, in bytes
  public Optional<Received> recvmsgNow(int limit) throws IOException {
    int socket = fd.enter();
    try {
      return Optional.ofNullable(receive(socket, limit, MSG_DONTWAIT));
    } finally {
      fd.exit();
    }
  }

  /// @return null after the timeout or a spurious wakeup: the caller checks again
  private @Nullable Received receiveBlocked(int socket, int limit, Deadline deadline)
      throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      return receive(socket, limit, MSG_DONTWAIT);
    }
    setReceiveTimeout(socket, deadline.remaining().toNanos());
    Received received = null;
    blocked.incrementAndGet();
    try {
      interruption.start();
      if (fd.isOpen()) {
        received = receive(socket, limit, 0);
      }
    } finally {
      interruption.stop();
      blocked.decrementAndGet();
    }
    if (received != null && received.isEndOfFile() && Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted while waiting for a message");
    }
    return received;
  }

  /// Sets the kernel's timeout for a blocked receiver. See `socket(7)`, SO_RCVTIMEO.
  ///
  /// Callers mostly use the same timeout, so the last one set nearly always fits.
  private void setReceiveTimeout(int socket, long left) throws SystemCallException {
    if (receiveTimeout > left + TIMEOUT_SLACK || receiveTimeout < left / 2) {
      receiveTimeout = Math.max(left, 1000);
      try (var frame = new Frame()) {
        long result =
            frame.call(
                SystemCall.SETSOCKOPT,
                socket,
                SOL_SOCKET,
                SO_RCVTIMEO,
                frame.timeval(Duration.ofNanos(receiveTimeout)).address(),
                16);
        SystemCallException.check(result, SystemCall.SETSOCKOPT, socket, "SO_RCVTIMEO");
      }
    }
  }

  /// @return null if there is no message
  private @Nullable Received receive(int socket, int limit, int flags) throws SystemCallException {
    try (var frame = new Frame()) {
      long room = stream ? STREAM_CHUNK : Packets.LONGEST;
      if (room > Frame.LARGEST_BUFFER) {
        room = nextLength(frame, socket, flags);
        if (room < 0) {
          return null;
        }
      }
      var data = frame.buffer(Math.min(room, limit));
      var header = new MessageHeader(frame, data, MAX_DESCRIPTORS);
      long result = recvmsg(frame, socket, header, flags | MSG_CMSG_CLOEXEC);
      frame.filled(Math.max(result, 0));
      if (result == -Errno.EAGAIN.number()) {
        return null;
      }
      int count = (int) SystemCallException.check(result, SystemCall.RECVMSG, socket);
      var descriptors = header.takeDescriptors();
      if (header.truncated()) {
        Fd.closeAll(descriptors);
        return Received.cutOff();
      }
      return new Received(data.asSlice(0, count).toArray(JAVA_BYTE), descriptors);
    }
  }

  /// Returns the length of the next message, without receiving it.
  ///
  /// @return -1 if no message is pending
  private static long nextLength(Frame frame, int socket, int flags) throws SystemCallException {
    long result = receive(frame, SystemCall.RECVFROM, socket, 0, 0, MSG_PEEK | MSG_TRUNC | flags);
    return result == -Errno.EAGAIN.number()
        ? -1
        : SystemCallException.check(result, SystemCall.RECVFROM, socket, "MSG_PEEK");
  }

  private static long recvmsg(Frame frame, int socket, MessageHeader header, int flags) {
    return receive(frame, SystemCall.RECVMSG, socket, header.address(), flags, 0);
  }

  /// @return the kernel's result, with EINTR mapped to EAGAIN
  private static long receive(Frame frame, SystemCall call, int socket, long a, long b, long c) {
    while (true) {
      long result = frame.call(call, socket, a, b, c);
      if (result == -Errno.EINTR.number()) {
        return -Errno.EAGAIN.number();
      }
      // The kernel reports ECONNRESET once if the peer closed without reading everything. The
      // peer's pending bytes can still be received.
      if (result != -Errno.ECONNRESET.number()) {
        return result;
      }
    }
  }

  /// Whether a receive would not block: a message or the end of the connection is pending.
  public boolean ready() throws SystemCallException {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      return nextLength(frame, socket, MSG_DONTWAIT) >= 0;
    } finally {
      fd.exit();
    }
  }

  /// Waits until a message or the end of the connection is pending, without receiving it. Another
  /// thread may receive it first.
  ///
  /// A virtual thread leaves its carrier. Unlike with [#recvmsg], an interrupt does not shut down
  /// the connection.
  ///
  /// @throws dev.caisson.linux.DeadlineException if no message arrives in time
  /// @throws InterruptedIOException if the thread is interrupted; the interrupt stays set
  /// @throws AsynchronousCloseException if the socket is closed meanwhile
  public void awaitReady(Deadline deadline) throws IOException {
    fd.await(PollEvent.IN.bit(), deadline, "a message");
  }

  /// Shuts down both directions, and wakes the threads that wait on either side. See `shutdown(2)`.
  /// Idempotent.
  public void shutdown() {
    try {
      int socket = fd.enter();
      try {
        shutdown(socket);
      } finally {
        fd.exit();
      }
    } catch (IllegalStateException closed) {
      // A closed socket needs no shutdown.
    }
  }

  /// Shuts down sending: the peer sees the end of the connection. Receiving still works. See
  /// `shutdown(2)`, SHUT_WR.
  ///
  /// @throws SystemCallException ENOTCONN if the socket is not connected
  public void shutdownOutput() throws SystemCallException {
    int shutWr = 1;
    fd.call(SystemCall.SHUTDOWN, shutWr, 0);
  }

  private static void shutdown(int socket) {
    try (var frame = new Frame()) {
      int shutRdwr = 2;
      // A failure means that the socket is no longer connected, which is the goal.
      frame.call(SystemCall.SHUTDOWN, socket, shutRdwr);
    }
  }

  /// Makes an interrupt wake a thread that blocks in the kernel. Only the JDK's channels can do so.
  private final class Interruption extends AbstractInterruptibleChannel {
    void start() {
      begin();
    }

    void stop() {
      try {
        end(true);
      } catch (AsynchronousCloseException interrupted) {
        // The interrupt stays set, and the caller checks it next.
      }
    }

    @Override
    protected void implCloseChannel() {
      shutdown();
    }
  }

  /// Returns the credentials of the peer when it connected. See `unix(7)`, SO_PEERCRED.
  public Credentials peerCredentials() throws SystemCallException {
    return Peer.credentials(fd);
  }

  /// Returns a pidfd of the peer when it connected. See `unix(7)`, SO_PEERPIDFD.
  ///
  /// @return owned by the caller; empty before Linux 6.5, or if the peer has been reaped
  public Optional<Fd> peerPidfd() throws SystemCallException {
    return Peer.pidfd(fd);
  }

  /// The ids of a process, its user and its group, in this process's namespaces.
  ///
  /// @param pid 0 if the process is not visible in this pid namespace
  public record Credentials(int pid, int uid, int gid) {}

  @Override
  public void close() {
    fd.close();
  }
}
