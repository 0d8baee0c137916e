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
/// It owns its descriptor, and is the only one that receives from the socket. One thread may send
/// while another receives; each call is bounded by the deadline it is given and ends by interrupt.
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

  /// How long a thread that blocks does not see that it was interrupted, in nanoseconds.
  private static final long LOOK = 50_000_000;

  /// How much later than asked for a receiver may notice that its time is up, in nanoseconds.
  private static final long TIMEOUT_SLACK = 1_000_000;

  private final Fd fd;
  private final boolean stream;

  /// What the kernel was told last, in nanoseconds; without end at first.
  private volatile long receiveTimeout = Long.MAX_VALUE;

  /// How many threads may be in the kernel until a message comes.
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

  /// Whether message boundaries are kept.
  public enum Type {
    /// Bytes without boundaries: SOCK_STREAM.
    STREAM(1),
    /// Messages; their end cannot be seen: SOCK_DGRAM.
    DGRAM(2),
    /// Messages, in order: SOCK_SEQPACKET.
    SEQPACKET(5);

    final int value;

    Type(int value) {
      this.value = value | OpenFlag.CLOEXEC;
    }

    private int number() {
      return value & ~OpenFlag.CLOEXEC;
    }
  }

  /// Two sockets that are connected with each other. See `socketpair(2)`.
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

  /// Takes over a descriptor that is a connected Unix socket.
  public static UnixSocket of(Fd socket) {
    var type = typeOf(socket);
    return new UnixSocket(socket.move(), type);
  }

  private static Type typeOf(Fd socket) {
    return number(socket) == Type.STREAM.number() ? Type.STREAM : Type.SEQPACKET;
  }

  /// Asks the kernel for the type of the socket. See `socket(7)`, SO_TYPE.
  ///
  /// @throws SystemCallException ENOTSOCK if the descriptor is not a socket; EPROTOTYPE if it is of
  ///   another type
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

  /// Connects to a listening socket by its path, of any length, from an address of its own. See
  /// `connect(2)`.
  ///
  /// @throws SystemCallException ENOENT or ECONNREFUSED if nobody listens there; EAGAIN if the
  ///   listener's queue stays full until the deadline
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
        // A full queue blocks a connect without any event to wait for, so the socket itself must
        // keep the time.
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

  /// The descriptor, which stays the socket's.
  public Fd fd() {
    return fd;
  }

  /// Hands the descriptor over to a new owner.
  public Fd move() {
    return fd.move();
  }

  /// Sends bytes and descriptors in one message. See `sendmsg(2)`, SCM_RIGHTS.
  ///
  /// The caller keeps its descriptors. A broken connection is an EPIPE, never a signal.
  ///
  /// @param descriptors [#MAX_DESCRIPTORS] at most
  /// @throws dev.caisson.linux.DeadlineException if the other side does not make room in time
  /// @throws SystemCallException EBADF if one of the descriptors is not open; nothing was sent then
  public void sendmsg(byte[] data, List<Fd> descriptors, Deadline deadline) throws IOException {
    sendmsg(data, data.length, descriptors, deadline);
  }

  /// Sends the first bytes of an array.
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

  /// Sends what there is room for: of a message all or nothing, of a stream perhaps a part.
  ///
  /// @return how many bytes have been sent; -1 if there was no room at all
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
        // ECONNRESET is told once if the other side went without reading all; from then on it is an
        // EPIPE.
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

  /// Sends bytes of native memory over a stream, all of them. A broken connection is an EPIPE,
  /// never a signal.
  ///
  /// @throws dev.caisson.linux.DeadlineException if the other side does not make room in time; a
  ///   part may have been sent then
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

  /// Receives bytes of a stream into native memory, at least one. Unlike [#recvmsg], leaves the
  /// connection as it is when the thread is interrupted.
  ///
  /// A platform thread blocks in the kernel, and looks twenty times a second whether it was
  /// interrupted; a virtual one leaves its carrier.
  ///
  /// @return how many; -1 at the end of the connection
  /// @throws dev.caisson.linux.DeadlineException if none comes in time
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

  /// Receives what has come of a stream into native memory. An interrupt makes no difference.
  ///
  /// @return how many bytes; 0 if there are none yet; -1 at the end of the connection
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

  /// Receives one message (of a stream: what is there), with its descriptors, each CLOEXEC and
  /// owned by the result.
  ///
  /// A message longer than the limit is dropped whole, its descriptors closed. See `recvmsg(2)`.
  ///
  /// A platform thread blocks in the kernel, which is the shortest way from one process to another;
  /// a virtual one leaves its carrier. Like those of [java.nio.channels.InterruptibleChannel], a
  /// connection on which a thread is interrupted while it waits for a message is at its end: it has
  /// been [shut down][#shutdown()].
  ///
  /// @param limit the longest message that is wanted, in bytes
  /// @return the message; of 0 bytes without descriptors at the end of the connection
  /// @throws dev.caisson.linux.DeadlineException if none comes in time
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

  /// Receives a message that has come already, as [#recvmsg] does. An interrupt makes no
  /// difference.
  ///
  /// @param limit the longest message that is wanted, in bytes
  public Optional<Received> recvmsgNow(int limit) throws IOException {
    int socket = fd.enter();
    try {
      return Optional.ofNullable(receive(socket, limit, MSG_DONTWAIT));
    } finally {
      fd.exit();
    }
  }

  /// @return null if there is none in time, or for no reason that matters; the caller looks again
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

  /// Has the kernel keep the time of a receiver that blocks. See `socket(7)`, SO_RCVTIMEO.
  ///
  /// Callers mostly allow the same time again and again, so what was set last nearly always fits.
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

  /// How long the next message is, found by looking at it.
  ///
  /// @return -1 if there is none
  private static long nextLength(Frame frame, int socket, int flags) throws SystemCallException {
    long result = receive(frame, SystemCall.RECVFROM, socket, 0, 0, MSG_PEEK | MSG_TRUNC | flags);
    return result == -Errno.EAGAIN.number()
        ? -1
        : SystemCallException.check(result, SystemCall.RECVFROM, socket, "MSG_PEEK");
  }

  private static long recvmsg(Frame frame, int socket, MessageHeader header, int flags) {
    return receive(frame, SystemCall.RECVMSG, socket, header.address(), flags, 0);
  }

  /// @return what the kernel returned; EAGAIN also for what interrupted it
  private static long receive(Frame frame, SystemCall call, int socket, long a, long b, long c) {
    while (true) {
      long result = frame.call(call, socket, a, b, c);
      if (result == -Errno.EINTR.number()) {
        return -Errno.EAGAIN.number();
      }
      // ECONNRESET is told once if the other side closed without reading all; what it had sent is
      // still there.
      if (result != -Errno.ECONNRESET.number()) {
        return result;
      }
    }
  }

  /// Whether there is something to be received: a message, or the end of the connection.
  public boolean ready() throws SystemCallException {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      return nextLength(frame, socket, MSG_DONTWAIT) >= 0;
    } finally {
      fd.exit();
    }
  }

  /// Waits until there is something to be received, a message or the end of the connection, and
  /// leaves it there. Another thread may receive it first.
  ///
  /// A virtual thread leaves its carrier. Unlike [#recvmsg], leaves the connection as it is when
  /// the thread is interrupted.
  ///
  /// @throws dev.caisson.linux.DeadlineException if nothing comes in time
  /// @throws InterruptedIOException if the thread is interrupted; the interrupt stays set
  /// @throws AsynchronousCloseException if the socket is closed meanwhile
  public void awaitReady(Deadline deadline) throws IOException {
    fd.await(PollEvent.IN.bit(), deadline, "a message");
  }

  /// Ends both directions, which wakes whoever waits on either side. See `shutdown(2)`. Idempotent.
  public void shutdown() {
    try {
      int socket = fd.enter();
      try {
        shutdown(socket);
      } finally {
        fd.exit();
      }
    } catch (IllegalStateException closed) {
      // So there is nothing left to end.
    }
  }

  /// Tells the other side that no more will come; receiving goes on. See `shutdown(2)`, SHUT_WR.
  ///
  /// @throws SystemCallException ENOTCONN if there is no other side
  public void shutdownOutput() throws SystemCallException {
    int shutWr = 1;
    fd.call(SystemCall.SHUTDOWN, shutWr, 0);
  }

  private static void shutdown(int socket) {
    try (var frame = new Frame()) {
      int shutRdwr = 2;
      // If it fails, the socket is not connected any more, which is what was wanted.
      frame.call(SystemCall.SHUTDOWN, socket, shutRdwr);
    }
  }

  /// Lets an interrupt reach a thread that blocks in the kernel: to do so is a privilege of the
  /// JDK's channels.
  private final class Interruption extends AbstractInterruptibleChannel {
    void start() {
      begin();
    }

    void stop() {
      try {
        end(true);
      } catch (AsynchronousCloseException interrupted) {
        // The interrupt stays set, and is looked at next.
      }
    }

    @Override
    protected void implCloseChannel() {
      shutdown();
    }
  }

  /// Who was at the other end when it connected. See `unix(7)`, SO_PEERCRED.
  public Credentials peerCredentials() throws SystemCallException {
    return Peer.credentials(fd);
  }

  /// A pidfd of the process that was at the other end when it connected, or none: kernels before
  /// 6.5 have no such thing, and there is none of a process that has been waited for. See
  /// `unix(7)`, SO_PEERPIDFD.
  ///
  /// @return owned by the caller
  public Optional<Fd> peerPidfd() throws SystemCallException {
    return Peer.pidfd(fd);
  }

  /// A process and its user, as this process's namespaces number them.
  ///
  /// @param pid 0 if it cannot be seen from here
  public record Credentials(int pid, int uid, int gid) {}

  @Override
  public void close() {
    fd.close();
  }
}
