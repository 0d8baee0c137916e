package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// The time that a receiver blocks belongs to the socket, not to the object that has set it: others
/// set it, too.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class SharedTimeoutTest {
  @Test
  void theDeadlineHoldsThoughAnotherDescriptorOfTheSocketIsWaitedForLonger() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var other = UnixSocket.of(pair.ours().fd().dup())) {
      long began = System.nanoTime();
      assertDeadline(pair.ours());
      var receiver =
          Background.startBusy(() -> other.recvmsg(10, Deadline.in(Duration.ofSeconds(20))))
              .awaitInKernel();
      pair.theirs().sendmsg(new byte[1], List.of(), Deadline.in(Duration.ofSeconds(20)));
      assertThat(receiver.get().data()).hasSize(1);
      assertDeadline(pair.ours());
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(15));
    }
  }

  private static void assertDeadline(UnixSocket socket) {
    var receiver =
        Background.startBusy(() -> socket.recvmsg(10, Deadline.in(Duration.ofMillis(50))));
    assertThatThrownBy(receiver::get).isInstanceOf(DeadlineException.class);
  }
}
