package dev.caisson.service;

import static dev.caisson.service.Hostility.ends;
import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// A service that answers once more than it is asked.
///
/// Answers have no numbers on the wire: one that is there before a call is sent cannot be that
/// call's, and whoever takes it gets the answer of another call ever after.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class SurplusAnswerTest {
  @Test
  void aSecondAnswerIsNeverTakenForThatOfTheNextCall() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var client = ServiceClient.over("twice", pair.ours());
      var call = Background.startPlatform(() -> client.call("first", json("[]"), LONG));
      assertThat(pair.theirs().recvmsg(1 << 16, Deadline.in(LONG)).data()).isNotEmpty();
      say(pair.theirs(), "{\"type\": \"reply\", \"data\": {\"reply\": \"first\"}}");
      assertThat(call.get()).isEqualTo(json("\"first\""));
      say(pair.theirs(), "{\"type\": \"reply\", \"data\": {\"reply\": \"surplus\"}}");
      assertThatThrownBy(() -> ends(() -> client.call("second", json("[]"), LONG)))
          .isInstanceOf(ProtocolException.class);
      client.stop();
    }
  }

  private static void say(UnixSocket peer, String packet) throws IOException {
    peer.sendmsg(packet.getBytes(StandardCharsets.UTF_8), List.of(), Deadline.in(LONG));
  }
}
