package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.file.Seal;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.NoLeaks;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A text is sent in a packet or a memfd. It arrives completely, wherever the pieces in which it is
/// written meet the limit between the two.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class PacketOrPayloadTest {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final int PACKET = 64 * 1024;

  @ParameterizedTest
  @ValueSource(ints = {-4097, -2, -1, 0, 1, 2, 4097, 8192, 64 * 1024, 300_000})
  void aTextOfAnyLengthArrivesCompletely(int beyond) throws Exception {
    int length = PACKET + beyond;
    check(NODES.stringNode("x".repeat(length - 2)), length);
    // An escape keeps the string from being written in one piece.
    check(NODES.stringNode("x".repeat(length - 4) + "\n"), length);
    check(NODES.stringNode("\u00e4" + "x".repeat(length - 4)), length);
    var numbers = NODES.arrayNode();
    int pairs = (length - 2) / 2;
    for (int i = 0; i < pairs; i++) {
      numbers.add(i == 0 && length % 2 == 0 ? 10 : 1);
    }
    check(numbers, 1 + 2 * pairs + (length % 2 == 0 ? 1 : 0));
  }

  private static void check(JsonNode value, int length) throws Exception {
    assertThat(Json.write(value)).hasSize(length);
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var ours = JsonChannel.of(UnixSocket.of(pair.ours().fd()), Limits.DEFAULT);
        var own = Memfd.sealed("own", "mine".getBytes(UTF_8))) {
      ours.send(value, List.of(own), Peer.LONG);
      var received = pair.theirs().recvmsg(1 << 20, Deadline.in(Peer.LONG));
      try {
        if (length <= PACKET) {
          assertThat(received.data()).isEqualTo(Json.write(value));
          assertThat(received.descriptors()).hasSize(1);
        } else {
          assertThat(received.data()).isEqualTo("<args-via-fd>".getBytes(UTF_8));
          assertThat(received.descriptors()).hasSize(2);
          var payload = received.descriptors().getFirst();
          assertThat(Memfd.getSeals(payload))
              .contains(Seal.WRITE, Seal.GROW, Seal.SHRINK, Seal.SEAL);
          assertThat(payload.statx().size()).isEqualTo(length);
        }
      } finally {
        Fd.closeAll(received.descriptors());
      }
      try (var theirs = JsonChannel.of(UnixSocket.of(pair.theirs().fd()), Limits.DEFAULT)) {
        ours.send(value, List.of(own), Peer.LONG);
        try (var message = theirs.receive(Peer.LONG).orElseThrow()) {
          assertThat(message.value()).isEqualTo(value);
          assertThat(message.descriptors()).hasSize(1);
        }
      }
    }
  }
}
