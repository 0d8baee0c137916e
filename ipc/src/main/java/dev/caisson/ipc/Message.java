package dev.caisson.ipc;

import dev.caisson.linux.Fd;
import java.util.List;
import java.util.Objects;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A JSON value and its descriptors: a message of a channel, or the result of a service's method.
///
/// The message owns the descriptors. A receiver moves out those that it needs ([Fd#move()]), and
/// closing the message closes the rest. A service passes ownership to the caller of its method.
///
/// Used by one thread at a time.
///
/// @param value the value, which may be JSON's null
/// @param descriptors in the order in which they are sent, 252 at most; the message takes ownership
public record Message(JsonNode value, List<Fd> descriptors) implements AutoCloseable {
  /// Takes ownership of the descriptors.
  public Message {
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(descriptors, "descriptors");
  }

  /// Creates a message without descriptors.
  public static Message of(JsonNode value) {
    return new Message(value, List.of());
  }

  /// Creates a message of JSON's null without descriptors: the reply of a method without a result.
  public static Message empty() {
    return of(JsonNodeFactory.instance.nullNode());
  }

  /// Creates the error reply of an API endpoint, in the form of osbuild's endpoints: `{"method":
  /// "exception", "exception": {"type": ..., "value": ..., "traceback": ""}}`.
  ///
  /// @param type the name of the exception
  /// @param text the message of the exception
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
