package dev.caisson.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.Limit;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// The kernel limits the descriptors that a user may have in flight (ETOOMANYREFS). An unprivileged
/// process retries until others have received theirs.
@ExtendWith(NoLeaks.class)
@Timeout(60)
@Requires(Need.ROOT)
class DescriptorsOnTheirWayTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  /// Puts more of this user's descriptors in flight than the process may have open.
  private static void send(UnixSocket socket, Fd fd) throws Exception {
    for (int i = 0; i < 20; i++) {
      socket.sendmsg(new byte[1], List.of(fd, fd, fd, fd), Deadline.in(LONG));
    }
  }

  private static void receive(UnixSocket socket) throws Exception {
    for (var next = socket.recvmsgNow(1);
        next.isPresent() && !next.get().isEndOfFile();
        next = socket.recvmsgNow(1)) {
      Fd.closeAll(next.get().descriptors());
    }
  }

  @Test
  void aSenderOverTheLimitRetriesUntilOthersReceive() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWUSER));
        var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var nothing = Fd.nullDevice()) {
      var process = child.process();
      child.prlimit64(0, Rlimit.NOFILE, new Limit(32, 1024));
      var refusals = new AtomicInteger();
      process.intercept((call, next) -> {
        long result = next.make();
        if (call.nr() == SystemCall.SENDMSG && result == -Errno.ETOOMANYREFS.number()) {
          if (refusals.incrementAndGet() == 3) {
            try {
              receive(pair.ours());
            } catch (Exception failure) {
              throw new AssertionError(failure);
            }
          }
        }
        return result;
      });
      send(pair.theirs(), nothing);
      try (var stream = process.inherited(0);
          var taken = process.take(stream)) {
        assertThat(taken.isOpen()).isTrue();
      }
      assertThat(refusals).hasValueGreaterThanOrEqualTo(3);
    }
  }

  @Test
  void aSenderOverTheLimitFailsAtTheDeadline() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWUSER));
        var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var nothing = Fd.nullDevice()) {
      var process = child.process();
      child.prlimit64(0, Rlimit.NOFILE, new Limit(32, 1024));
      process.deadline(Duration.ofMillis(200));
      send(pair.theirs(), nothing);
      var stream = process.inherited(0);
      assertThatThrownBy(() -> process.take(stream))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ETOOMANYREFS));
      receive(pair.ours());
      process.take(stream).close();
    }
  }
}
