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

/// A service that answers a call twice.
///
/// Answers have no numbers on the wire. An answer that arrived before a call was sent cannot be the
/// answer to that call. A client that accepted it would get the answer to another call from then
/// on.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class SurplusAnswerTest {
  @Test
  void aSecondAnswerIsNeverTheAnswerToTheNextCall() throws Exception {
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
