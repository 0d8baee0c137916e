package dev.caisson.host;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// What is said between a host and a service.
///
/// On the wire each is `{"type": T, "data": D}`. A [Call] goes from the host to the service and has
/// exactly one answer, a [Reply] or a [Failure]; any number of [Signal]s may come before it.
sealed interface ServiceMessage {
  /// `{"type": "method", "data": {"name": ..., "args": ...}}`; absent args count as `[]`.
  record Call(String name, JsonNode args) implements ServiceMessage {
    @Override
    public ObjectNode encode() {
      var data = JsonNodeFactory.instance.objectNode();
      data.put("name", name);
      data.set("args", args);
      return message("method", data);
    }
  }

  /// `{"type": "reply", "data": {"reply": ...}}`; null is a value like others.
  record Reply(JsonNode value) implements ServiceMessage {
    @Override
    public ObjectNode encode() {
      return message("reply", JsonNodeFactory.instance.objectNode().set("reply", value));
    }
  }

  /// `{"type": "signal", "data": {"reply": ...}}`: the key is that of a reply.
  record Signal(JsonNode value) implements ServiceMessage {
    @Override
    public ObjectNode encode() {
      return message("signal", JsonNodeFactory.instance.objectNode().set("reply", value));
    }
  }

  /// `{"type": "exception", "data": {"name": ..., "value": ..., "backtrace": ...}}`.
  record Failure(String name, String value, String backtrace) implements ServiceMessage {
    @Override
    public ObjectNode encode() {
      var data = JsonNodeFactory.instance.objectNode();
      data.put("name", name);
      data.put("value", value);
      data.put("backtrace", backtrace);
      return message("exception", data);
    }

    static Failure of(Throwable thrown) {
      var trace = new StringBuilder();
      for (var frame : thrown.getStackTrace()) {
        trace.append("  at ").append(frame).append('\n');
      }
      var message = thrown.getMessage();
      return new Failure(
          thrown.getClass().getSimpleName(), message == null ? "" : message, trace.toString());
    }
  }

  /// The JSON that goes over the wire.
  ObjectNode encode();

  private static ObjectNode message(String type, JsonNode data) {
    var message = JsonNodeFactory.instance.objectNode();
    message.put("type", type);
    message.set("data", data);
    return message;
  }

  /// Reads what came over the wire.
  ///
  /// @throws ProtocolException if it is none of the four
  static ServiceMessage decode(JsonNode message) throws ProtocolException {
    if (!message.isObject()) {
      throw new ProtocolException("a message must be an object");
    }
    var type = text(message, "type");
    var data = message.get("data");
    if (data == null || !data.isObject() || data.isEmpty()) {
      throw new ProtocolException("'data' must be an object that is not empty");
    }
    return switch (type) {
      case "method" -> {
        var args = data.get("args");
        yield new Call(
            text(data, "name"), args == null ? JsonNodeFactory.instance.arrayNode() : args);
      }
      case "reply" -> new Reply(reply(data));
      case "signal" -> new Signal(reply(data));
      case "exception" ->
          new Failure(text(data, "name"), text(data, "value"), text(data, "backtrace"));
      default -> throw new ProtocolException("unknown type of message: " + type);
    };
  }

  private static JsonNode reply(JsonNode data) throws ProtocolException {
    var value = data.get("reply");
    if (value == null) {
      throw new ProtocolException("'reply' is missing");
    }
    return value;
  }

  private static String text(JsonNode object, String key) throws ProtocolException {
    var value = object.get(key);
    if (value == null || !value.isString()) {
      throw new ProtocolException("'" + key + "' must be a string");
    }
    return value.stringValue();
  }
}
