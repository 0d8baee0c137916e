package dev.caisson.linux.socket;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.Set;

/// The kernel's information about the peer of a Unix socket. See `unix(7)`.
final class Peer {
  private static final int SOL_SOCKET = 1;
  private static final int SO_PEERCRED = 17;
  private static final int SO_PEERPIDFD = 77;

  /// The errors if the kernel does not have the option, or the peer has been reaped.
  private static final Set<Integer> WITHOUT_PIDFD =
      Set.of(
          Errno.ENOPROTOOPT.number(),
          Errno.ESRCH.number(),
          Errno.EINVAL.number(),
          Errno.ENODATA.number());

  private Peer() {}

  static UnixSocket.Credentials credentials(Fd socket) throws SystemCallException {
    int number = socket.enter();
    try (var frame = new Frame()) {
      var ucred = frame.allocate(JAVA_INT, 3);
      long result = getsockopt(frame, number, SO_PEERCRED, ucred);
      SystemCallException.check(result, SystemCall.GETSOCKOPT, number, "SO_PEERCRED");
      return new UnixSocket.Credentials(
          ucred.getAtIndex(JAVA_INT, 0),
          ucred.getAtIndex(JAVA_INT, 1),
          ucred.getAtIndex(JAVA_INT, 2));
    } finally {
      socket.exit();
    }
  }

  static Optional<Fd> pidfd(Fd socket) throws SystemCallException {
    int number = socket.enter();
    try (var frame = new Frame()) {
      var pidfd = frame.allocate(JAVA_INT);
      long result = getsockopt(frame, number, SO_PEERPIDFD, pidfd);
      if (WITHOUT_PIDFD.contains((int) -result)) {
        return Optional.empty();
      }
      SystemCallException.check(result, SystemCall.GETSOCKOPT, number, "SO_PEERPIDFD");
      return Optional.of(Fd.own(pidfd.get(JAVA_INT, 0)));
    } finally {
      socket.exit();
    }
  }

  private static long getsockopt(Frame frame, int socket, int option, MemorySegment room) {
    var length = frame.allocate(JAVA_INT);
    length.set(JAVA_INT, 0, (int) room.byteSize());
    return frame.call(
        SystemCall.GETSOCKOPT, socket, SOL_SOCKET, option, room.address(), length.address());
  }
}
