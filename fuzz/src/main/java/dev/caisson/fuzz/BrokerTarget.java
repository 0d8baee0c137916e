package dev.caisson.fuzz;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.network.broker.BrokerProtocol;
import java.io.IOException;
import java.util.List;
import tools.jackson.databind.node.JsonNodeFactory;

/// Checks that the endpoint of a broker answers each message with the reason why there is no
/// connection, and that the broker tries no forbidden connection.
public final class BrokerTarget {
  private static final Json AGAIN = Json.within(Limits.DEFAULT);

  private BrokerTarget() {}

  /// One execution.
  public static void fuzzerTestOneInput(byte[] input) throws Exception {
    Check.withoutLeaks(() -> execute(input));
  }

  private static void execute(byte[] input) throws IOException {
    var packets = Packet.parse(input);
    var fence = new Fence();
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var channel = JsonChannel.of(pair.ours(), Packet.LIMITS);
        var protocol = new BrokerProtocol(fence.broker, Packet.LONG)) {
      for (var packet : packets) {
        packet.send(pair.theirs());
      }
      pair.theirs().close();
      for (int i = 0; i < packets.size(); i++) {
        try {
          var message = channel.receive(Packet.LONG);
          if (message.isPresent()) {
            answer(message.get(), protocol, fence);
          }
        } catch (MessageException refused) {
          // No answer is due.
        }
      }
    }
    fence.checkFree();
  }

  private static void answer(Message message, BrokerProtocol protocol, Fence fence)
      throws IOException {
    try (message;
        var answer = protocol.answer(message)) {
      Check.equal(List.of(), answer.descriptors());
      Check.equal(answer.value(), AGAIN.parse(Json.write(answer.value())));
      var outcome = fence.outcome();
      Check.equal(isWish(message), outcome != Fence.Outcome.NOT_ASKED);
      check(answer, outcome);
    }
  }

  private static boolean isWish(Message message) {
    var value = message.value();
    return value.path("method").isString()
        && value.path("method").stringValue().equals("connect")
        && value.path("host").isString()
        && value.path("port").isInt()
        && message.descriptors().isEmpty();
  }

  private static void check(Message answer, Fence.Outcome outcome) {
    var text = answer.value().path("exception").path("value").stringValue("");
    Fence.printable(text);
    var exception = JsonNodeFactory.instance.objectNode();
    exception.put(
        "type",
        switch (outcome) {
          case NOT_ASKED -> "MessageException";
          case INVALID, REFUSED -> "NetworkRefusedException";
          case UNKNOWN -> "UnknownHostException";
          case TRIED -> "SystemCallException";
        });
    exception.put("value", text);
    exception.put("traceback", "");
    var expected = JsonNodeFactory.instance.objectNode();
    expected.put("method", "exception");
    expected.set("exception", exception);
    Check.equal(expected, answer.value());
  }
}
