package dev.caisson.service.internal;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A connection inside a JVM accepts exactly the messages that a socket accepts: a service that
/// works in the JVM must also work as a program.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class SameRefusalsTest {
  private static boolean passes(Connection from, Connection to, JsonNode value) {
    try {
      from.send(new ServiceMessage.Reply(value), List.of(), Deadline.in(LONG));
      var received = to.receive(Deadline.in(LONG));
      received.ifPresent(Connection.Delivery::close);
      return received.isPresent();
    } catch (IOException refused) {
      return false;
    }
  }

  private static void assertSame(JsonNode value) throws IOException {
    var local = LocalConnection.pair();
    try (var sockets = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var ours = new SocketConnection(channel(sockets.ours()));
        var theirs = new SocketConnection(channel(sockets.theirs()))) {
      assertThat(passes(local.service(), local.host(), value))
          .isEqualTo(passes(theirs, ours, value));
    } finally {
      local.host().close();
      local.service().close();
    }
  }

  private static JsonChannel channel(UnixSocket socket) {
    return JsonChannel.of(UnixSocket.of(socket.fd()), Limits.DEFAULT);
  }

  @ParameterizedTest
  @ValueSource(ints = {100, 197, 198, 199, 200, 201, 400})
  void nesting(int depth) throws IOException {
    JsonNode value = json("1");
    for (int i = 0; i < depth; i++) {
      value = JsonNodeFactory.instance.arrayNode().add(value);
    }
    assertSame(value);
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "\ud83d", "a\ude00b", "\ud83d\ude00"})
  void names(String name) throws IOException {
    assertSame(JsonNodeFactory.instance.objectNode().put(name, 1));
    assertSame(JsonNodeFactory.instance.stringNode(name));
  }

  @ParameterizedTest
  @ValueSource(ints = {1000, 65_535, 65_536, 70_000})
  void longNames(int length) throws IOException {
    assertSame(JsonNodeFactory.instance.objectNode().put("x".repeat(length), 1));
  }
}
