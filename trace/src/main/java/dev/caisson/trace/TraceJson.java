package dev.caisson.trace;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Converts a call to a JSON object on one line, and back.
final class TraceJson {
  private static final JsonMapper MAPPER = new JsonMapper();

  private TraceJson() {}

  static String write(TracedCall call) {
    var json = MAPPER.createObjectNode();
    json.put("process", call.process());
    json.put("call", call.call());
    var arguments = json.putArray("arguments");
    call.arguments().forEach(argument -> write(argument, arguments));
    switch (call.outcome()) {
      case TracedCall.Outcome.Returned(long result) -> json.put("result", result);
      case TracedCall.Outcome.Lost(boolean submitted) ->
          json.put("lost", submitted ? "after" : "before");
      case TracedCall.Outcome.Unanswered() -> json.put("unanswered", true);
    }
    json.put("seconds", call.took().toNanos() / 1e9);
    return json.toString();
  }

  private static void write(TracedArgument argument, ArrayNode to) {
    switch (argument) {
      case TracedArgument.Word(long value, var name) -> {
        if (name.isEmpty()) {
          to.add(value);
        } else {
          to.addObject().put("value", value).put("name", name.get());
        }
      }
      case TracedArgument.Descriptor(int number) -> to.addObject().put("descriptor", number);
      case TracedArgument.Data data -> {
        var json = to.addObject();
        data.meaning().ifPresent(meaning -> json.put("meaning", meaning));
        json.put("size", data.size());
        data.in().ifPresent(in -> json.set("in", bytes(in)));
        data.out().ifPresent(out -> json.set("out", bytes(out)));
        if (!data.pointers().isEmpty()) {
          var pointers = json.putArray("pointers");
          data.pointers().forEach(pointers::add);
        }
      }
      case TracedArgument.Shared shared ->
          to.addObject()
              .put("shared", shared.offset())
              .put("at", shared.at())
              .set("out", bytes(shared.out()));
    }
  }

  private static JsonNode bytes(Bytes bytes) {
    return bytes
        .text()
        .<JsonNode>map(MAPPER.getNodeFactory()::stringNode)
        .orElseGet(() ->
            MAPPER
                .createObjectNode()
                .put("base64", Base64.getEncoder().encodeToString(bytes.toArray())));
  }

  /// @throws IllegalArgumentException if the line is not a call
  static TracedCall read(String line) {
    try {
      var json = (ObjectNode) MAPPER.readTree(line);
      var arguments = new ArrayList<TracedArgument>();
      required(json, "arguments").forEach(argument -> arguments.add(argument(argument)));
      return new TracedCall(
          required(json, "process").intValue(),
          required(json, "call").stringValue(),
          arguments,
          outcome(json),
          Duration.ofNanos(Math.round(json.path("seconds").doubleValue(0) * 1e9)));
    } catch (RuntimeException wrong) {
      throw new IllegalArgumentException("not a call in JSON: " + wrong.getMessage(), wrong);
    }
  }

  private static TracedCall.Outcome outcome(ObjectNode json) {
    if (json.has("result")) {
      return new TracedCall.Outcome.Returned(json.get("result").longValue());
    }
    return json.has("lost")
        ? new TracedCall.Outcome.Lost(json.get("lost").stringValue().equals("after"))
        : new TracedCall.Outcome.Unanswered();
  }

  private static TracedArgument argument(JsonNode json) {
    if (json.isNumber()) {
      return new TracedArgument.Word(json.longValue(), Optional.empty());
    }
    if (json.has("value")) {
      return new TracedArgument.Word(
          json.get("value").longValue(), Optional.of(required(json, "name").stringValue()));
    }
    if (json.has("descriptor")) {
      return new TracedArgument.Descriptor(json.get("descriptor").intValue());
    }
    if (json.has("shared")) {
      return new TracedArgument.Shared(
          json.get("shared").longValue(),
          required(json, "at").longValue(),
          bytes(required(json, "out")));
    }
    List<Long> pointers = new ArrayList<>();
    json.path("pointers").forEach(pointer -> pointers.add(pointer.longValue()));
    return new TracedArgument.Data(
        required(json, "size").longValue(),
        Optional.ofNullable(json.get("in")).map(TraceJson::bytes),
        Optional.ofNullable(json.get("out")).map(TraceJson::bytes),
        pointers,
        Optional.ofNullable(json.get("meaning")).map(JsonNode::stringValue));
  }

  private static Bytes bytes(JsonNode json) {
    return json.isString()
        ? Bytes.of(json.stringValue().getBytes(java.nio.charset.StandardCharsets.UTF_8))
        : Bytes.of(Base64.getDecoder().decode(required(json, "base64").stringValue()));
  }

  private static JsonNode required(JsonNode json, String name) {
    var found = json.get(name);
    if (found == null) {
      throw new IllegalArgumentException("no \"%s\" in %s".formatted(name, json));
    }
    return found;
  }
}
