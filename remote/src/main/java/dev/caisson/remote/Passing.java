package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Layouts;
import dev.caisson.linux.SystemCall;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A socket pair between this JVM and one process alone, over which descriptors go.
///
/// Each process has its own: were one shared, a process could receive what another was sent. Each
/// message has a number, so that what was sent in vain is taken for nothing else.
final class Passing implements AutoCloseable {
  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_CMSG_CLOEXEC = 0x40000000;
  private static final long MSGHDR = Layouts.MSGHDR.size();
  private static final long IOVEC = Layouts.IOVEC.size();
  private static final long CMSG_LEN = Layouts.CMSGHDR.offset("cmsg_len");
  private static final long CMSG_LEVEL = Layouts.CMSGHDR.offset("cmsg_level");
  private static final long CMSG_TYPE = Layouts.CMSGHDR.offset("cmsg_type");
  private static final long CMSG_DATA = Layouts.CMSGHDR.size();

  /// What goes with the descriptors.
  private static final long NUMBER = 8;

  private final RemoteProcess process;
  private final UnixSocket ours;
  private final RemoteFd theirs;
  private long sent;
  private long received;
  private long taken;

  Passing(RemoteProcess process, UnixSocket ours, RemoteFd theirs) {
    this.process = process;
    this.ours = ours;
    this.theirs = theirs;
  }

  RemoteFd give(Fd fd) throws IOException {
    return give(List.of(fd)).getFirst();
  }

  /// All together, in one message.
  synchronized List<RemoteFd> give(List<Fd> fds) throws IOException {
    var until = Deadline.in(process.deadline());
    long number = ++sent;
    ours.sendmsg(bytes(number), fds, until);
    long control = CMSG_DATA + 8L * ((fds.size() + 1) / 2);
    var room = process.allocate(MSGHDR + IOVEC + NUMBER + control);
    try {
      // Those before it were sent in vain: the process had no time to receive them.
      for (; received < number; received++) {
        var message = message(room, 0, control);
        process
            .call(SystemCall.RECVMSG)
            .fd(theirs)
            .word(room.address())
            .word(MSG_CMSG_CLOEXEC)
            .run();
        var given = given(message);
        if (room.local().get(JAVA_LONG, MSGHDR + IOVEC) == number && given.size() == fds.size()) {
          received = number;
          return given;
        }
        given.forEach(RemoteFd::close);
      }
    } finally {
      process.connection().giveBack(room);
    }
    throw new IOException("%s did not receive the descriptors that it was sent".formatted(process));
  }

  private List<RemoteFd> given(MemorySegment message) {
    long count = (Math.min(message.get(JAVA_LONG, CMSG_LEN), message.byteSize()) - CMSG_DATA) / 4;
    var given = new ArrayList<RemoteFd>();
    if (message.get(JAVA_INT, CMSG_LEVEL) == SOL_SOCKET
        && message.get(JAVA_INT, CMSG_TYPE) == SCM_RIGHTS) {
      for (int i = 0; i < count; i++) {
        given.add(new RemoteFd(process, message.get(JAVA_INT, CMSG_DATA + 4L * i)));
      }
    }
    return given;
  }

  synchronized Fd take(RemoteFd fd) throws IOException {
    int number = fd.numberIn(process);
    var until = Deadline.in(process.deadline());
    long asked = ++taken;
    long control = CMSG_DATA + 8;
    var room = process.allocate(MSGHDR + IOVEC + NUMBER + control);
    try {
      var message = message(room, asked, control);
      message.set(JAVA_LONG, CMSG_LEN, CMSG_DATA + 4);
      message.set(JAVA_INT, CMSG_LEVEL, SOL_SOCKET);
      message.set(JAVA_INT, CMSG_TYPE, SCM_RIGHTS);
      message.set(JAVA_INT, CMSG_DATA, number);
      process.call(SystemCall.SENDMSG).fd(theirs).word(room.address()).word(0).run();
    } finally {
      process.connection().giveBack(room);
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

  private static byte[] bytes(long number) {
    var bytes = new byte[Long.BYTES];
    MemorySegment.ofArray(bytes).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, number);
    return bytes;
  }

  /// Makes a message that bears a number.
  ///
  /// @return the control message that goes with it
  private static MemorySegment message(RemoteMemory room, long number, long control) {
    var local = room.local();
    local.fill((byte) 0);
    long iovec = room.address() + MSGHDR;
    local.set(JAVA_LONG, Layouts.MSGHDR.offset("msg_iov"), iovec);
    local.set(JAVA_LONG, Layouts.MSGHDR.offset("msg_iovlen"), 1);
    local.set(JAVA_LONG, Layouts.MSGHDR.offset("msg_control"), iovec + IOVEC + NUMBER);
    local.set(JAVA_LONG, Layouts.MSGHDR.offset("msg_controllen"), control);
    local.set(JAVA_LONG, MSGHDR + Layouts.IOVEC.offset("iov_base"), iovec + IOVEC);
    local.set(JAVA_LONG, MSGHDR + Layouts.IOVEC.offset("iov_len"), Long.BYTES);
    local.set(JAVA_LONG, MSGHDR + IOVEC, number);
    return local.asSlice(MSGHDR + IOVEC + NUMBER, control);
  }

  @Override
  public void close() {
    ours.close();
  }
}
