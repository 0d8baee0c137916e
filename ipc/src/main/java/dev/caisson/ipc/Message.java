package dev.caisson.ipc;

import dev.caisson.linux.Fd;
import java.util.List;
import java.util.Objects;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A JSON value and the descriptors that go with it: what a channel has received, what a method of
/// a service returns, and what its caller gets.
///
/// It owns the descriptors. A receiver moves out what it wants ([Fd#move()]), and closing the
/// message closes the rest. A service gives them away with the message that it returns.
///
/// For one thread at a time.
///
/// @param value the value; JSON's null is a value, too
/// @param descriptors in the order in which they are sent, 252 at most; the message takes them over
public record Message(JsonNode value, List<Fd> descriptors) implements AutoCloseable {
  /// Takes over the descriptors.
  public Message {
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(descriptors, "descriptors");
  }

  /// A message without descriptors.
  public static Message of(JsonNode value) {
    return new Message(value, List.of());
  }

  /// JSON's null without descriptors: the reply of a method that returns nothing.
  public static Message empty() {
    return of(JsonNodeFactory.instance.nullNode());
  }

  /// What an API endpoint answers when it cannot do what a message asks for, as osbuild's do:
  /// `{"method": "exception", "exception": {"type": ..., "value": ..., "traceback": ""}}`.
  ///
  /// @param type the name of the exception
  /// @param text what went wrong
  public static Message exception(String type, String text) {
    Objects.requireNonNull(type, "type");
    Objects.requireNonNull(text, "text");
    var value = JsonNodeFactory.instance.objectNode();
    value.put("method", "exception");
    value.putObject("exception").put("type", type).put("value", text).put("traceback", "");
    return of(value);
  }

  /// Closes the descriptors that have not been moved out. Idempotent, never throws.
  @Override
  public void close() {
    Fd.closeAll(descriptors);
  }
}
