package dev.caisson.service;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.StreamSupport;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// A case of `conformance/cases.json`: the steps that a host takes with a service, and their
/// expected results.
///
/// A step is a `call` with its `args`, or raw packets to `send`, or a service to `start` or `stop`,
/// or a call to `abandon`. `gives` is the expected result of a step. Descriptors are passed `with`
/// a step and named by their contents: the same contents mean the same descriptor. `end` is the
/// expected end: the services stopped well, the first one printed `stopped`, and the contents that
/// are `left` in the descriptors. `clients` and `services` restrict a case to the sides that can do
/// what it needs, such as breaking the protocol.
///
/// `instead` lists pairs that are known to behave in another way.
///
/// @param number the index of the case in the file
/// @param json the case as in the file, with abbreviations expanded
record ConformanceCase(int number, JsonNode json) {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  /// All cases.
  static List<ConformanceCase> all() throws IOException {
    String text;
    try (InputStream file =
        Objects.requireNonNull(
            ConformanceCase.class.getResourceAsStream("conformance/cases.json"))) {
      text = new String(file.readAllBytes(), StandardCharsets.UTF_8);
    }
    var cases = new ArrayList<ConformanceCase>();
    for (var one : Support.json(text)) {
      cases.add(new ConformanceCase(cases.size(), expand(one)));
    }
    return cases;
  }

  /// The sentence that the case proves.
  String name() {
    return json.get("case").stringValue();
  }

  JsonNode steps() {
    return json.get("steps");
  }

  /// Whether a pair can run the case.
  boolean concerns(ConformancePair pair) {
    return concerns("clients", pair.client().toString())
        && concerns("services", pair.service().toString());
  }

  private boolean concerns(String sides, String side) {
    return !json.has(sides) || texts(json.get(sides)).contains(side);
  }

  /// The known difference of a pair.
  Optional<JsonNode> difference(ConformancePair pair) {
    return elements(json.path("instead")).stream()
        .filter(one ->
            one.path("client").asString(pair.client().toString()).equals(pair.client().toString())
                && one.path("service")
                    .asString(pair.service().toString())
                    .equals(pair.service().toString()))
        .findFirst();
  }

  /// The expected results of the steps and of the end.
  ObjectNode expectation(ConformancePair pair) {
    var expectation = JSON.objectNode();
    var difference = difference(pair);
    var steps = expectation.putArray("steps");
    elements(steps()).forEach(step -> steps.add(step.get("gives")));
    var end = expectation.putObject("end");
    end.put("well", true);
    end.put("status", 0);
    end.putArray("said").add("stopped");
    if (json.has("end")) {
      end.setAll((ObjectNode) json.get("end"));
    }
    if (difference.isPresent()) {
      var other = difference.get();
      if (other.has("steps")) {
        expectation.set("steps", other.get("steps"));
      }
      if (other.has("end")) {
        end.setAll((ObjectNode) other.get("end"));
      }
    }
    return expectation;
  }

  /// Expands abbreviations of repeated texts and lists, and of counted numbers, as `peer.py` does.
  private static JsonNode expand(JsonNode value) {
    if (value instanceof ArrayNode array) {
      var expanded = JSON.arrayNode();
      array.forEach(one -> expanded.add(expand(one)));
      return expanded;
    }
    if (!(value instanceof ObjectNode object)) {
      return value;
    }
    if (object.has("$repeat")) {
      return repeat(object.get("$repeat").get(0), object.get("$repeat").get(1).intValue());
    }
    if (object.has("$count")) {
      var numbers = JSON.arrayNode();
      for (int i = 0; i < object.get("$count").intValue(); i++) {
        numbers.add(i);
      }
      return numbers;
    }
    var expanded = JSON.objectNode();
    object.forEachEntry((key, one) -> expanded.set(key, expand(one)));
    return expanded;
  }

  private static JsonNode repeat(JsonNode what, int times) {
    if (what.isString()) {
      return JSON.stringNode(what.stringValue().repeat(times));
    }
    var list = JSON.arrayNode();
    for (int i = 0; i < times; i++) {
      list.addAll((ArrayNode) what);
    }
    return list;
  }

  static List<JsonNode> elements(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).toList();
  }

  static List<String> texts(JsonNode array) {
    return elements(array).stream().map(JsonNode::stringValue).toList();
  }

  @Override
  public String toString() {
    return name();
  }
}
