package dev.caisson.linux.socket;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/// Accepts connections from a listening socket. See `accept4(2)`.
final class Listening {
  /// The errors that return no connection: an empty backlog, a signal, and a connection that was
  /// aborted before it was accepted. See `accept(2)`.
  private static final Set<Long> GONE =
      Set.of(
          (long) -Errno.EAGAIN.number(),
          (long) -Errno.EINTR.number(),
          (long) -Errno.ECONNABORTED.number(),
          (long) -Errno.EPROTO.number());

  private Listening() {}

  /// Waits for the next connection and accepts it.
  static Fd accept(Fd listening, Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    while (true) {
      var next = tryAccept(listening);
      if (next.isPresent()) {
        return next.get();
      }
      listening.await(PollEvent.IN.bit(), until, "a connection");
    }
  }

  /// Accepts a pending connection; empty if the backlog is empty.
  static Optional<Fd> tryAccept(Fd listening) throws SystemCallException {
    int socket = listening.enter();
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.ACCEPT4, socket, 0, 0, OpenFlag.CLOEXEC);
      if (GONE.contains(result)) {
        return Optional.empty();
      }
      return Optional.of(Fd.own(SystemCallException.check(result, SystemCall.ACCEPT4, socket)));
    } finally {
      listening.exit();
    }
  }
}
