package dev.caisson.fuzz;

import dev.caisson.fuzz.Packet.Outcome;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A second implementation of the protocol of host services. It gives the expected reaction of both
/// sides to a packet.
sealed interface Spoken {
  /// The host calls a method.
  ///
  /// @param regular of each descriptor, whether it is a regular file
  record Call(String name, JsonNode args, List<Boolean> regular) implements Spoken {}

  record Reply(JsonNode value, List<Boolean> regular) implements Spoken {}

  record Signal(JsonNode value, List<Boolean> regular) implements Spoken {}

  record Failure(String name, String value, String backtrace) implements Spoken {}

  /// A message that breaks the protocol.
  record Nonsense() implements Spoken {}

  /// A packet that is not a message.
  record Refused() implements Spoken {}

  record End() implements Spoken {}

  static Spoken of(Outcome outcome) {
    return switch (outcome) {
      case Outcome.EndOfFile end -> new End();
      case Outcome.Refused refused -> new Refused();
      case Outcome.Accepted(var value, var regular) -> of(value, regular);
    };
  }

  private static Spoken of(JsonNode message, List<Boolean> regular) {
    var data = message.path("data");
    if (!message.path("type").isString() || !data.isObject() || data.isEmpty()) {
      return new Nonsense();
    }
    var reply = data.get("reply");
    return switch (message.path("type").stringValue()) {
      case "method" -> {
        var args = data.get("args");
        yield data.path("name").isString()
            ? new Call(
                data.path("name").stringValue(),
                args == null ? JsonNodeFactory.instance.arrayNode() : args,
                regular)
            : new Nonsense();
      }
      case "reply" -> reply == null ? new Nonsense() : new Reply(reply, regular);
      case "signal" -> reply == null ? new Nonsense() : new Signal(reply, regular);
      case "exception" ->
          data.path("name").isString()
                  && data.path("value").isString()
                  && data.path("backtrace").isString()
              ? new Failure(
                  data.path("name").stringValue(),
                  data.path("value").stringValue(),
                  data.path("backtrace").stringValue())
              : new Nonsense();
      default -> new Nonsense();
    };
  }
}
