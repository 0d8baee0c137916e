package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.Received;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.Connection;
import dev.caisson.remote.internal.wire.Sockets;
import dev.caisson.remote.uapi.MsgFlag;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/// A socket pair between this JVM and a single process, which passes descriptors.
///
/// Each process has its own pair: on a shared one, a process could receive what was sent to
/// another. Each message has a number, so that a message of an abandoned call is not taken for a
/// later one.
final class LocalTransport implements Transport {
  /// The pause between two attempts while too many descriptors are in flight.
  private static final Duration PAUSE = Duration.ofMillis(5);

  private final CallRunner process;
  private final Optional<UnixSocket> ours;
  private final int theirs;
  private long sent;
  private long received;
  private long taken;

  private LocalTransport(CallRunner process, Optional<UnixSocket> ours, int theirs) {
    this.process = process;
    this.ours = ours;
    this.theirs = theirs;
  }

  /// @param theirs the number of the other end
  static LocalTransport of(CallRunner process, UnixSocket ours, int theirs) {
    return new LocalTransport(process, Optional.of(ours), theirs);
  }

  /// For a simulated process: it requests the same calls, without sending descriptors.
  static LocalTransport simulated(CallRunner process) {
    return new LocalTransport(process, Optional.empty(), -1);
  }

  /// Sends all descriptors in one message.
  @Override
  public synchronized List<RemoteFd> give(List<Fd> fds) throws IOException {
    long number = ++sent;
    if (ours.isPresent()) {
      send(ours.get(), number, fds);
    }
    // Earlier messages are left over from calls whose deadline passed before the process received
    // them.
    for (; received < number; received++) {
      var room = new MessageBlock(0, fds.size(), Long.BYTES);
      var call =
          room.argument(process.call(SystemCall.RECVMSG).named(theirs, "passing"))
              .flags(Implied.CMSG_CLOEXEC)
              .leaves(room::cleanup);
      var message = room.received(call, call.value());
      if (Arrays.equals(message.data(), bytes(number))
          && message.descriptors().size() == fds.size()) {
        received = number;
        return message.descriptors();
      }
      message.descriptors().forEach(RemoteFd::close);
      boolean truncated = message.flags().contains(MsgFlag.CTRUNC);
      if (truncated && Arrays.equals(message.data(), bytes(number))) {
        received = number;
        throw SystemCallException.of(-Errno.EMFILE.number(), "recvmsg", process);
      }
    }
    throw new IOException("%s did not receive the descriptors sent to it".formatted(process));
  }

  private void send(UnixSocket socket, long number, List<Fd> fds) throws IOException {
    var until = Deadline.in(process.deadline());
    try {
      patiently(until, () -> socket.sendmsg(bytes(number), fds, until));
    } catch (SystemCallException refused) {
      if (refused.errno() == Errno.EPIPE || refused.errno() == Errno.ECONNRESET) {
        throw new ConnectionLostException(process.toString(), false);
      }
      throw refused;
    } catch (ClosedChannelException | IllegalStateException closed) {
      throw new ConnectionLostException(process.toString(), false);
    }
  }

  @Override
  public synchronized Fd take(RemoteFd fd) throws IOException {
    int number = fd.numberIn(process);
    long asked = ++taken;
    var until = Deadline.in(process.deadline());
    patiently(until, () -> sendmsg(number, asked));
    if (ours.isEmpty()) {
      return atItsEnd();
    }
    // The message has arrived, unless the process misbehaves. A message of an earlier, abandoned
    // call is dropped.
    for (var message = next(ours.get()); message.isPresent(); message = next(ours.get())) {
      var got = message.get();
      if (got.descriptors().size() == 1 && Arrays.equals(got.data(), bytes(asked))) {
        return got.descriptors().getFirst();
      }
      Fd.closeAll(got.descriptors());
      if (until.expired()) {
        break;
      }
    }
    throw new IOException("%s did not send the requested descriptor".formatted(process));
  }

  /// Makes the process send one of its descriptors.
  private void sendmsg(int number, long asked) throws IOException {
    var block = new MessageBlock(0, 1, Long.BYTES);
    block.data(bytes(asked));
    block.descriptors(new int[] {number});
    block
        .argument(process.call(SystemCall.SENDMSG).named(theirs, "passing"))
        .flags(Implied.NOSIGNAL)
        .run();
  }

  /// Sends descriptors in a message.
  @FunctionalInterface
  private interface Sending {
    void run() throws IOException;
  }

  /// Sends, and retries while the kernel returns ETOOMANYREFS: a user may have only a limited
  /// number of descriptors in messages that no process has received. Messages of other programs
  /// count, too, and are received soon. See `unix(7)`.
  private static void patiently(Deadline until, Sending sending) throws IOException {
    while (true) {
      try {
        sending.run();
        return;
      } catch (SystemCallException refused) {
        if (refused.errno() != Errno.ETOOMANYREFS || until.expired()) {
          throw refused;
        }
      }
      LockSupport.parkNanos(PAUSE.toNanos());
      if (Thread.currentThread().isInterrupted()) {
        throw new InterruptedIOException("interrupted while sending a descriptor");
      }
    }
  }

  private static Optional<Received> next(UnixSocket socket) throws IOException {
    return socket.recvmsgNow(Long.BYTES).filter(message -> !message.isEndOfFile());
  }

  /// Stands for a descriptor of a simulated process: a socket whose peer is closed, so it is always
  /// ready.
  private static Fd atItsEnd() throws IOException {
    try (var ends = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      return ends.ours().move();
    }
  }

  private static byte[] bytes(long number) {
    var bytes = new byte[Long.BYTES];
    MemorySegment.ofArray(bytes).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, number);
    return bytes;
  }

  @Override
  public Ends open() throws IOException {
    try (var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var passing = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      var given = give(List.of(calls.theirs().fd(), passing.theirs().fd()));
      return new Ends(
          Sockets.moved(calls.ours()),
          Sockets.moved(passing.ours()),
          given.getFirst(),
          given.getLast());
    }
  }

  @Override
  public Connection connection(Ends ends, boolean ahead) {
    return new Connection(Sockets.moved(ends.calls()), ahead);
  }

  @Override
  public Transport inherited(CallRunner child, Ends ends) {
    return ours.isEmpty()
        ? simulated(child)
        : of(child, Sockets.moved(ends.second()), ends.secondThere().number());
  }

  @Override
  public Pidfd hold(int pidfd, int number) throws IOException {
    try {
      var taken = take(process.descriptor(pidfd));
      return ours.isEmpty() ? new Pidfd.Simulated(taken) : checked(new Pidfd.Here(taken));
    } finally {
      process.closeSilently(pidfd);
    }
  }

  /// Checks that a pidfd is of a child of the process. This JVM may have more privileges than the
  /// process, and must not be made to kill another process.
  private Pidfd checked(Pidfd.Here hold) throws IOException {
    try {
      if (process.known().isPresent() && !hold.isChildOf(process.known().getAsInt())) {
        throw new AnswerException(
            "%s returned a pidfd of a process that is not its child".formatted(process));
      }
      return hold;
    } catch (IOException | RuntimeException failure) {
      hold.close();
      throw failure;
    }
  }

  @Override
  public List<Integer> needed() {
    return List.of(theirs);
  }

  @Override
  public void close() {
    ours.ifPresent(UnixSocket::close);
  }
}
