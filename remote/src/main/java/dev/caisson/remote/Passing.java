package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCall;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/// A socket pair between this JVM and one process alone, over which descriptors go.
///
/// Each process has its own: were one shared, a process could receive what another was sent. Each
/// message has a number, so that what was sent in vain is taken for nothing else.
final class Passing implements AutoCloseable {
  private final RemoteProcess process;
  private final UnixSocket ours;
  private final int theirs;
  private long sent;
  private long received;
  private long taken;

  Passing(RemoteProcess process, UnixSocket ours, int theirs) {
    this.process = process;
    this.ours = ours;
    this.theirs = theirs;
  }

  RemoteFd give(Fd fd) throws IOException {
    return give(List.of(fd)).getFirst();
  }

  /// All together, in one message.
  synchronized List<RemoteFd> give(List<Fd> fds) throws IOException {
    long number = ++sent;
    if (!process.isImagined()) {
      ours.sendmsg(bytes(number), fds, Deadline.in(process.deadline()));
    }
    // Those before it were sent in vain: the process had no time to receive them.
    for (; received < number; received++) {
      var room = new MessageBlock(0, fds.size(), Long.BYTES);
      long count =
          room.argument(process.call(SystemCall.RECVMSG).named(theirs, "passing"))
              .word(MessageBlock.CMSG_CLOEXEC)
              .value();
      var message = room.received(process, count);
      if (Arrays.equals(message.data(), bytes(number))
          && message.descriptors().size() == fds.size()) {
        received = number;
        return message.descriptors();
      }
      message.descriptors().forEach(RemoteFd::close);
    }
    throw new IOException("%s did not receive the descriptors that it was sent".formatted(process));
  }

  synchronized Fd take(RemoteFd fd) throws IOException {
    int number = fd.numberIn(process);
    var until = Deadline.in(process.deadline());
    long asked = ++taken;
    var sending = new MessageBlock(0, 1, Long.BYTES);
    sending.data(bytes(asked));
    sending.descriptors(new int[] {number});
    sending.argument(process.call(SystemCall.SENDMSG).named(theirs, "passing")).word(0).run();
    if (process.isImagined()) {
      return atItsEnd();
    }
    while (true) {
      var message = ours.recvmsg(Long.BYTES, until);
      if (message.descriptors().size() == 1 && Arrays.equals(message.data(), bytes(asked))) {
        return message.descriptors().getFirst();
      }
      Fd.closeAll(message.descriptors());
      // One that came too late for an earlier call is of no more use.
      if (message.endOfFile() || message.descriptors().isEmpty()) {
        throw new IOException(
            "%s did not send the descriptor that it was asked for".formatted(process));
      }
      if (until.expired()) {
        throw until.exception("a descriptor of " + process);
      }
    }
  }

  /// What stands for a descriptor that is not there: whoever waits for it, it is ready.
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
  public void close() {
    ours.close();
  }
}
