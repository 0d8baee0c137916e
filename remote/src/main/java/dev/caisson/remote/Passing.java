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
import java.util.ArrayList;
import java.util.List;

/// A socket pair between this JVM and one process alone, over which descriptors go.
///
/// Each process has its own: were one shared, a process could receive what another was sent.
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

  /// How much there is for the byte that goes with the descriptors.
  private static final long BYTE = 16;

  private final RemoteProcess process;
  private final UnixSocket ours;
  private final RemoteFd theirs;

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
    ours.sendmsg(new byte[1], fds, until);
    long control = CMSG_DATA + 8L * ((fds.size() + 1) / 2);
    try (var room = process.allocate(MSGHDR + IOVEC + BYTE + control)) {
      var message = message(room, control);
      process.call(SystemCall.RECVMSG).fd(theirs).word(room.address()).word(MSG_CMSG_CLOEXEC).run();
      long length = CMSG_DATA + 4L * fds.size();
      if (message.get(JAVA_LONG, CMSG_LEN) != length
          || message.get(JAVA_INT, CMSG_LEVEL) != SOL_SOCKET) {
        throw new IOException(
            "%s did not receive the descriptors that it was sent".formatted(process));
      }
      var given = new ArrayList<RemoteFd>();
      for (int i = 0; i < fds.size(); i++) {
        given.add(new RemoteFd(process, message.get(JAVA_INT, CMSG_DATA + 4L * i)));
      }
      return given;
    }
  }

  synchronized Fd take(RemoteFd fd) throws IOException {
    int number = fd.numberIn(process);
    var until = Deadline.in(process.deadline());
    long control = CMSG_DATA + 8;
    try (var room = process.allocate(MSGHDR + IOVEC + BYTE + control)) {
      var message = message(room, control);
      message.set(JAVA_LONG, CMSG_LEN, CMSG_DATA + 4);
      message.set(JAVA_INT, CMSG_LEVEL, SOL_SOCKET);
      message.set(JAVA_INT, CMSG_TYPE, SCM_RIGHTS);
      message.set(JAVA_INT, CMSG_DATA, number);
      process.call(SystemCall.SENDMSG).fd(theirs).word(room.address()).word(0).run();
    }
    var received = ours.recvmsg(1, until);
    if (received.descriptors().size() != 1) {
      Fd.closeAll(received.descriptors());
      throw new IOException(
          "%s did not send the descriptor that it was asked for".formatted(process));
    }
    return received.descriptors().getFirst();
  }

  /// Makes a message of one byte.
  ///
  /// @return the control message that goes with it
  private static MemorySegment message(RemoteMemory room, long control) {
    var local = room.local();
    local.fill((byte) 0);
    long iovec = room.address() + MSGHDR;
    local.set(JAVA_LONG, Layouts.MSGHDR.offset("msg_iov"), iovec);
    local.set(JAVA_LONG, Layouts.MSGHDR.offset("msg_iovlen"), 1);
    local.set(JAVA_LONG, Layouts.MSGHDR.offset("msg_control"), iovec + IOVEC + BYTE);
    local.set(JAVA_LONG, Layouts.MSGHDR.offset("msg_controllen"), control);
    local.set(JAVA_LONG, MSGHDR + Layouts.IOVEC.offset("iov_base"), iovec + IOVEC);
    local.set(JAVA_LONG, MSGHDR + Layouts.IOVEC.offset("iov_len"), 1);
    return local.asSlice(MSGHDR + IOVEC + BYTE, control);
  }

  @Override
  public void close() {
    ours.close();
  }
}
