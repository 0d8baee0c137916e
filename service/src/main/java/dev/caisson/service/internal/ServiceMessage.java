package dev.caisson.service.internal;

import dev.caisson.ipc.Json;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A message between a host and a service.
///
/// On the wire each message is `{"type": T, "data": D}`. A [Request] goes from the host to the
/// service and has exactly one answer, a [Reply] or a [Failure]; any number of [Signal]s may come
/// before it.
///
/// Immutable, and so safe for many threads.
public sealed interface ServiceMessage {
  /// `{"type": "method", "data": {"name": ..., "args": ...}}`; absent args count as `[]`.
  record Request(String name, JsonNode args) implements ServiceMessage {
    @Override
    public String type() {
      return "method";
    }

    @Override
    public void encodeData(JsonGenerator json) {
      json.writeStringProperty("name", name);
      json.writeName("args");
      json.writeTree(args);
    }
  }

  /// `{"type": "reply", "data": {"reply": ...}}`; null is a value like any other.
  record Reply(JsonNode value) implements ServiceMessage {
    @Override
    public String type() {
      return "reply";
    }

    @Override
    public void encodeData(JsonGenerator json) {
      json.writeName("reply");
      json.writeTree(value);
    }
  }

  /// `{"type": "signal", "data": {"reply": ...}}`: the key is the same as in a reply.
  record Signal(JsonNode value) implements ServiceMessage {
    @Override
    public String type() {
      return "signal";
    }

    @Override
    public void encodeData(JsonGenerator json) {
      json.writeName("reply");
      json.writeTree(value);
    }
  }

  /// `{"type": "exception", "data": {"name": ..., "value": ..., "backtrace": ...}}`.
  record Failure(String name, String value, String backtrace) implements ServiceMessage {
    @Override
    public String type() {
      return "exception";
    }

    @Override
    public void encodeData(JsonGenerator json) {
      json.writeStringProperty("name", name);
      json.writeStringProperty("value", value);
      json.writeStringProperty("backtrace", backtrace);
    }

    public static Failure of(Throwable thrown) {
      var trace = new StringBuilder();
      for (var frame : thrown.getStackTrace()) {
        trace.append("  at ").append(frame).append('\n');
      }
      return new Failure(thrown.getClass().getSimpleName(), message(thrown), trace.toString());
    }

    private static String message(Throwable thrown) {
      try {
        return Optional.ofNullable(thrown.getMessage()).orElse("");
      } catch (RuntimeException bug) {
        return "(getMessage() threw " + bug.getClass().getSimpleName() + ")";
      }
    }
  }

  /// The name of the type on the wire.
  String type();

  /// Writes the content of `data`.
  void encodeData(JsonGenerator json);

  /// Writes the message as it goes over the wire.
  default void encode(JsonGenerator json) {
    json.writeStartObject();
    json.writeStringProperty("type", type());
    json.writeName("data");
    json.writeStartObject();
    encodeData(json);
    json.writeEndObject();
    json.writeEndObject();
  }

  /// The message as a tree.
  default JsonNode toJson() throws IOException {
    return Json.tree(this::encode);
  }

  /// Reads a message. The parser is at its first token.
  ///
  /// @throws MalformedMessageException if it is not one of the four messages
  static ServiceMessage decode(JsonParser json) throws MalformedMessageException {
    if (json.currentToken() != JsonToken.START_OBJECT) {
      throw new MalformedMessageException("a message must be an object");
    }
    JsonNode type = null;
    Data data = null;
    for (var key = json.nextName(); key != null; key = json.nextName()) {
      json.nextToken();
      switch (key) {
        case "type" -> type = Json.tree(json);
        case "data" -> data = Data.read(json);
        default -> Json.tree(json);
      }
    }
    var kind = text("type", type);
    if (data == null) {
      throw new MalformedMessageException("'data' is missing");
    }
    return switch (kind) {
      case "method" ->
          new Request(
              text("name", data.name),
              Optional.ofNullable(data.args).orElseGet(JsonNodeFactory.instance::arrayNode));
      case "reply" -> new Reply(data.reply());
      case "signal" -> new Signal(data.reply());
      case "exception" ->
          new Failure(
              text("name", data.name),
              text("value", data.value),
              text("backtrace", data.backtrace));
      default -> throw new MalformedMessageException("unknown type of message: " + kind);
    };
  }

  private static String text(String key, @Nullable JsonNode value)
      throws MalformedMessageException {
    if (value == null || !value.isString()) {
      throw new MalformedMessageException("'" + key + "' must be a string");
    }
    return value.stringValue();
  }

  /// All keys that `data` can have, for any type: `type` may come after `data`.
  final class Data {
    private @Nullable JsonNode name;
    private @Nullable JsonNode args;
    private @Nullable JsonNode reply;
    private @Nullable JsonNode value;
    private @Nullable JsonNode backtrace;

    private Data() {}

    private static Data read(JsonParser json) throws MalformedMessageException {
      if (json.currentToken() != JsonToken.START_OBJECT) {
        throw new MalformedMessageException("'data' must be an object");
      }
      var data = new Data();
      boolean empty = true;
      for (var key = json.nextName(); key != null; key = json.nextName()) {
        json.nextToken();
        empty = false;
        switch (key) {
          case "name" -> data.name = Json.tree(json);
          case "args" -> data.args = Json.tree(json);
          case "reply" -> data.reply = Json.tree(json);
          case "value" -> data.value = Json.tree(json);
          case "backtrace" -> data.backtrace = Json.tree(json);
          default -> Json.tree(json);
        }
      }
      if (empty) {
        throw new MalformedMessageException("'data' must not be empty");
      }
      return data;
    }

    private JsonNode reply() throws MalformedMessageException {
      if (reply == null) {
        throw new MalformedMessageException("'reply' is missing");
      }
      return reply;
    }
  }
}
