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

/// A platform thread and a virtual thread receive from the same socket.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early on purpose
class MixedReceiversTest {
  /// A close shuts down the connection to wake the platform thread in the kernel. The virtual
  /// thread must not take that for the peer's end.
  @Test
  void bothReceiversSeeACloseAsAClose() throws Exception {
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
