package dev.caisson.linux.socket;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// Threads of both kinds that wait for messages of the same socket.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // closing early is what is shown
class MixedReceiversTest {
  /// The one in the kernel is woken by ending the connection, which the other one must not take for
  /// the peer's doing.
  @Test
  void aCloseIsToldToBothAsAClose() throws Exception {
    var deadline = Deadline.in(Duration.ofSeconds(60));
    for (int round = 0; round < 500; round++) {
      try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
        var blocked =
            Background.startPlatform(() -> pair.ours().recvmsg(10, deadline))
                .awaitSystemCall(SystemCall.RECVMSG.number());
        var parked = Background.start(() -> pair.ours().recvmsg(10, deadline)).awaitWaiting();
        pair.ours().close();
        assertThatThrownBy(blocked::get).isInstanceOf(AsynchronousCloseException.class);
        assertThatThrownBy(parked::get).isInstanceOf(AsynchronousCloseException.class);
      }
    }
  }
}
