package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
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
  private static final int MSGHDR = 56;
  private static final int CMSG_DATA = 16;

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
    try (var room = process.allocate(MSGHDR + 16 + 16 + control)) {
      var message = message(room, control);
      process.call(SystemCall.RECVMSG).fd(theirs).word(room.address()).word(MSG_CMSG_CLOEXEC).run();
      long length = CMSG_DATA + 4L * fds.size();
      if (message.get(JAVA_LONG, 0) != length || message.get(JAVA_INT, 8) != SOL_SOCKET) {
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
    try (var room = process.allocate(MSGHDR + 16 + 16 + control)) {
      var message = message(room, control);
      message.set(JAVA_LONG, 0, CMSG_DATA + 4);
      message.set(JAVA_INT, 8, SOL_SOCKET);
      message.set(JAVA_INT, 12, SCM_RIGHTS);
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
    long part = room.address() + MSGHDR;
    local.set(JAVA_LONG, 16, part);
    local.set(JAVA_LONG, 24, 1);
    local.set(JAVA_LONG, 32, part + 32);
    local.set(JAVA_LONG, 40, control);
    // struct iovec: a byte behind it
    local.set(JAVA_LONG, MSGHDR, part + 16);
    local.set(JAVA_LONG, MSGHDR + 8, 1);
    return local.asSlice(MSGHDR + 32, control);
  }

  @Override
  public void close() {
    ours.close();
  }
}
