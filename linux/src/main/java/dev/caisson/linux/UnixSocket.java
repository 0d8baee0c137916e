package dev.caisson.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// A connected Unix socket that carries bytes and descriptors. See `unix(7)`.
///
/// It owns its descriptor. One thread may send while another receives; each call is bounded by the
/// deadline it is given and ends by interrupt.
public final class UnixSocket implements AutoCloseable {
  /// The most descriptors that one message can carry: SCM_MAX_FD of the kernel.
  public static final int MAX_DESCRIPTORS = 253;

  private static final int AF_UNIX = 1;
  private static final int SOL_SOCKET = 1;
  private static final int SO_TYPE = 3;
  private static final int SO_PEERCRED = 17;
  private static final int SO_SNDTIMEO = 21;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_CTRUNC = 0x8;
  private static final int MSG_PEEK = 0x2;
  private static final int MSG_TRUNC = 0x20;
  private static final int MSG_DONTWAIT = 0x40;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int MSG_CMSG_CLOEXEC = 0x40000000;
  private static final int CMSG_HEADER = 16;
  private static final int STREAM_CHUNK = 64 * 1024;

  // struct msghdr
  private static final StructLayout MSGHDR =
      MemoryLayout.structLayout(
          JAVA_LONG.withName("msg_name"),
          JAVA_INT.withName("msg_namelen"),
          MemoryLayout.paddingLayout(4),
          JAVA_LONG.withName("msg_iov"),
          JAVA_LONG.withName("msg_iovlen"),
          JAVA_LONG.withName("msg_control"),
          JAVA_LONG.withName("msg_controllen"),
          JAVA_INT.withName("msg_flags"),
          MemoryLayout.paddingLayout(4));

  private static final long IOV = offset("msg_iov");
  private static final long IOVLEN = offset("msg_iovlen");
  private static final long CONTROL = offset("msg_control");
  private static final long CONTROLLEN = offset("msg_controllen");
  private static final long FLAGS = offset("msg_flags");

  private final Fd fd;
  private final boolean stream;

  private UnixSocket(Fd fd, Type type) {
    this.fd = fd;
    this.stream = type == Type.STREAM;
  }

  /// Whether message boundaries are kept.
  public enum Type {
    /// Bytes without boundaries: SOCK_STREAM.
    STREAM(1),
    /// Messages, in order: SOCK_SEQPACKET.
    SEQPACKET(5);

    final int value;

    Type(int value) {
      this.value = value | OpenFlag.CLOEXEC;
    }
  }

  /// Two sockets that are connected with each other. See `socketpair(2)`.
  public static Pair socketpair(Type type) throws SystemCallException {
    try (var frame = new Frame()) {
      var ends = frame.allocate(JAVA_INT, 2);
      long result = frame.call(Nr.SOCKETPAIR, AF_UNIX, type.value, 0, ends.address());
      SystemCallException.check(result, Nr.SOCKETPAIR, "AF_UNIX", type);
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
    int number = socket.enter();
    try (var frame = new Frame()) {
      var type = frame.allocate(JAVA_INT);
      var length = frame.allocate(JAVA_INT);
      length.set(JAVA_INT, 0, 4);
      long result =
          frame.call(Nr.GETSOCKOPT, number, SOL_SOCKET, SO_TYPE, type.address(), length.address());
      int sockStream = 1;
      return result >= 0 && type.get(JAVA_INT, 0) == sockStream ? Type.STREAM : Type.SEQPACKET;
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
      long result = frame.call(Nr.SOCKET, AF_UNIX, type.value, 0);
      var socket = Fd.own(SystemCallException.check(result, Nr.SOCKET, "AF_UNIX", type));
      try {
        int familyOnly = 2;
        result = frame.call(Nr.BIND, socket.number(), address.segment().address(), familyOnly);
        SystemCallException.check(result, Nr.BIND, "autobind");
        // A full queue blocks a connect without any event to wait for, so the socket itself must
        // keep the time.
        var timeval = frame.allocate(16, 8);
        timeval.set(JAVA_LONG, 0, deadline.toSeconds());
        timeval.set(JAVA_LONG, 8, Math.max(1, deadline.toNanosPart() / 1000));
        result =
            frame.call(
                Nr.SETSOCKOPT, socket.number(), SOL_SOCKET, SO_SNDTIMEO, timeval.address(), 16);
        SystemCallException.check(result, Nr.SETSOCKOPT, "SO_SNDTIMEO");
        result =
            frame.call(Nr.CONNECT, socket.number(), address.segment().address(), address.length());
        SystemCallException.check(result, Nr.CONNECT, path);
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
  /// @throws DeadlineException if the other side does not make room in time
  public void sendmsg(byte[] data, List<Fd> descriptors, Deadline deadline) throws IOException {
    if (descriptors.size() > MAX_DESCRIPTORS) {
      throw new IllegalArgumentException(
          "one message carries 253 descriptors at most, not " + descriptors.size());
    }
    int socket = fd.enter();
    var entered = new ArrayList<Fd>();
    try (var frame = new Frame()) {
      var header = header(frame, data.length, descriptors.size());
      MemorySegment.copy(data, 0, header.data, JAVA_BYTE, 0, data.length);
      if (!descriptors.isEmpty()) {
        var control = header.control;
        control.set(JAVA_LONG, 0, CMSG_HEADER + 4L * descriptors.size());
        control.set(JAVA_INT, 8, SOL_SOCKET);
        control.set(JAVA_INT, 12, SCM_RIGHTS);
        for (int i = 0; i < descriptors.size(); i++) {
          control.set(JAVA_INT, CMSG_HEADER + 4L * i, descriptors.get(i).enter());
          entered.add(descriptors.get(i));
        }
      }
      int sent = 0;
      while (true) {
        long result =
            frame.call(Nr.SENDMSG, socket, header.segment.address(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (result == -Errno.ECONNRESET.number()) {
          // Told once if the other side went without reading all; from then on it is an EPIPE.
          continue;
        }
        if (result != -Errno.EAGAIN.number()) {
          sent +=
              (int)
                  SystemCallException.check(
                      result,
                      Nr.SENDMSG,
                      socket,
                      data.length + " bytes",
                      descriptors.size() + " descriptors");
          if (sent == data.length) {
            return;
          }
          // Of a stream, the kernel takes what there is room for.
          header.skip(sent, data.length - sent);
          continue;
        }
        fd.await(PollEvent.OUT.bit(), deadline, "room to send a message");
      }
    } finally {
      entered.forEach(Fd::exit);
      fd.exit();
    }
  }

  /// Receives one message (of a stream: what is there), with its descriptors, each CLOEXEC and
  /// owned by the result.
  ///
  /// A message longer than the limit is dropped whole, its descriptors closed. See `recvmsg(2)`.
  ///
  /// @param limit the longest message that is wanted, in bytes
  /// @return the message; of 0 bytes without descriptors at the end of the connection
  /// @throws DeadlineException if none comes in time
  public Received recvmsg(int limit, Deadline deadline) throws IOException {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      long length = nextLength(frame, socket, deadline);
      int size = (int) Math.min(stream ? STREAM_CHUNK : length, limit);
      var header = header(frame, size, MAX_DESCRIPTORS);
      long result =
          frame.call(Nr.RECVMSG, socket, header.segment.address(), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (result == -Errno.EAGAIN.number() || result == -Errno.ECONNRESET.number()) {
        // Another thread took it between the look and the reading; this one goes on waiting.
        return recvmsg(limit, deadline);
      }
      int count = (int) SystemCallException.check(result, Nr.RECVMSG, socket);
      var descriptors = header.receivedDescriptors();
      int flags = header.segment.get(JAVA_INT, FLAGS);
      boolean truncated = (flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
      if (truncated) {
        descriptors.forEach(Fd::close);
        return new Received(new byte[0], List.of(), true);
      }
      return new Received(header.data.asSlice(0, count).toArray(JAVA_BYTE), descriptors, false);
    } finally {
      fd.exit();
    }
  }

  /// How long the next message is, found by looking at it, so that no more memory is used than it
  /// needs.
  private long nextLength(Frame frame, int socket, Deadline deadline) throws IOException {
    var header = header(frame, 1, 0);
    while (true) {
      long result =
          frame.call(
              Nr.RECVMSG, socket, header.segment.address(), MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
      if (result == -Errno.ECONNRESET.number()) {
        // Told once if the other side closed without reading all; what it had sent is still there.
        continue;
      }
      if (result != -Errno.EAGAIN.number()) {
        return SystemCallException.check(result, Nr.RECVMSG, socket, "MSG_PEEK");
      }
      fd.await(PollEvent.IN.bit(), deadline, "a message");
    }
  }

  /// What [#recvmsg] got.
  ///
  /// @param data the bytes
  /// @param descriptors owned by whoever takes the record
  /// @param truncated whether the message was longer than the limit or lost descriptors; it is
  ///   empty then
  @SuppressWarnings("ArrayRecordComponent") // handed on, never compared
  public record Received(byte[] data, List<Fd> descriptors, boolean truncated) {
    /// Whether the other side has closed the connection.
    public boolean endOfFile() {
      return data.length == 0 && descriptors.isEmpty() && !truncated;
    }
  }

  /// Ends both directions, which wakes whoever waits on either side. See `shutdown(2)`. Idempotent.
  public void shutdown() {
    if (fd.isOpen()) {
      try {
        int shutRdwr = 2;
        fd.call(Nr.SHUTDOWN, shutRdwr, 0);
      } catch (SystemCallException | IllegalStateException alreadyGone) {
        // Not connected any more, which is what was wanted.
      }
    }
  }

  /// Who was at the other end when it connected. See `unix(7)`, SO_PEERCRED.
  public Credentials peerCredentials() throws SystemCallException {
    int socket = fd.enter();
    try (var frame = new Frame()) {
      var ucred = frame.allocate(JAVA_INT, 3);
      var length = frame.allocate(JAVA_INT);
      length.set(JAVA_INT, 0, 12);
      long result =
          frame.call(
              Nr.GETSOCKOPT, socket, SOL_SOCKET, SO_PEERCRED, ucred.address(), length.address());
      SystemCallException.check(result, Nr.GETSOCKOPT, socket, "SO_PEERCRED");
      return new Credentials(
          ucred.getAtIndex(JAVA_INT, 0),
          ucred.getAtIndex(JAVA_INT, 1),
          ucred.getAtIndex(JAVA_INT, 2));
    } finally {
      fd.exit();
    }
  }

  /// A process and its user, as this process's namespaces number them.
  ///
  /// @param pid 0 if it cannot be seen from here
  public record Credentials(int pid, int uid, int gid) {}

  @Override
  public void close() {
    fd.close();
  }

  private static Header header(Frame frame, int size, int descriptors) {
    var segment = frame.allocate(MSGHDR);
    var data = frame.allocate(Math.max(1, size), 1);
    var iovec = frame.allocate(16, 8);
    iovec.set(ADDRESS, 0, data);
    iovec.set(JAVA_LONG, 8, size);
    segment.set(JAVA_LONG, IOV, iovec.address());
    segment.set(JAVA_LONG, IOVLEN, 1);
    long bytes = descriptors == 0 ? 0 : CMSG_HEADER + 4L * descriptors + 7 & ~7;
    var control = frame.allocate(bytes, 8);
    if (descriptors > 0) {
      segment.set(JAVA_LONG, CONTROL, control.address());
      segment.set(JAVA_LONG, CONTROLLEN, bytes);
    }
    return new Header(segment, data, control, iovec);
  }

  private record Header(
      MemorySegment segment, MemorySegment data, MemorySegment control, MemorySegment iovec) {
    /// Goes on after bytes that have been sent, and with them the descriptors.
    void skip(long sent, long left) {
      iovec.set(ADDRESS, 0, data.asSlice(sent));
      iovec.set(JAVA_LONG, 8, left);
      segment.set(JAVA_LONG, CONTROL, 0);
      segment.set(JAVA_LONG, CONTROLLEN, 0);
    }

    List<Fd> receivedDescriptors() {
      var descriptors = new ArrayList<Fd>();
      long end = segment.get(JAVA_LONG, CONTROLLEN);
      for (long at = 0; at + CMSG_HEADER <= end; ) {
        long length = control.get(JAVA_LONG, at);
        if (length < CMSG_HEADER) {
          break;
        }
        if (control.get(JAVA_INT, at + 8) == SOL_SOCKET
            && control.get(JAVA_INT, at + 12) == SCM_RIGHTS) {
          for (long i = at + CMSG_HEADER; i < at + length; i += 4) {
            descriptors.add(Fd.own(control.get(JAVA_INT, i)));
          }
        }
        at += length + 7 & ~7;
      }
      return List.copyOf(descriptors);
    }
  }

  private static long offset(String field) {
    return MSGHDR.byteOffset(PathElement.groupElement(field));
  }
}
