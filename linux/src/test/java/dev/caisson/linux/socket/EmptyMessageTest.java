package dev.caisson.linux.socket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Fd;
import dev.caisson.linux.file.Memfd;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// Messages without bytes carry descriptors, and need room like other messages.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class EmptyMessageTest {
  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(30));
  }

  @Test
  void anEmptyMessageWithoutRoomTimesOut() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var memfd = Memfd.memfdCreate("m")) {
      assertThat(Descriptors.fill(pair.ours())).isPositive();
      assertThatThrownBy(() ->
              pair.ours().sendmsg(new byte[0], List.of(memfd), Deadline.in(Duration.ofMillis(50))))
          .isInstanceOf(DeadlineException.class);
    }
  }

  @Test
  void anEmptyMessageArrivesWhenThereIsRoom() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var memfd = Memfd.memfdCreate("m")) {
      int filled = Descriptors.fill(pair.ours());
      var sender =
          Background.start(() -> {
            pair.ours().sendmsg(new byte[0], List.of(memfd), soon());
            pair.ours().sendmsg(new byte[1], List.of(), soon());
            return true;
          });
      sender.awaitWaiting();
      for (int i = 0; i < filled; i++) {
        assertThat(pair.theirs().recvmsg(1 << 16, soon()).data()).isNotEmpty();
      }
      assertThat(sender.get()).isTrue();
      var received = pair.theirs().recvmsg(1 << 16, soon());
      assertThat(received.data()).isEmpty();
      assertThat(received.descriptors()).hasSize(1);
      Fd.closeAll(received.descriptors());
      assertThat(pair.theirs().recvmsg(1 << 16, soon()).data()).hasSize(1);
    }
  }
}
