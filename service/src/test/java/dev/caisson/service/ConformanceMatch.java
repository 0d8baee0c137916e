package dev.caisson.service;

import static dev.caisson.service.ConformanceCase.elements;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Compares observations with the expectations of a case, in the same way for every client.
///
/// Values, descriptors and signals must be equal. All other observations may have more keys than
/// expected: each service has its own text of an exception, unless the case gives it.
final class ConformanceMatch {
  private static final int SHOWN = 300;

  private final List<String> mismatches = new ArrayList<>();

  private ConformanceMatch() {}

  /// The mismatches; empty if there are none.
  static List<String> mismatches(JsonNode expected, JsonNode observed) {
    var match = new ConformanceMatch();
    var steps = elements(expected.get("steps"));
    match.equal("the number of steps", steps.size(), observed.get("steps").size());
    for (int i = 0; i < Math.min(steps.size(), observed.get("steps").size()); i++) {
      match.step("step " + (i + 1), steps.get(i), observed.get("steps").get(i));
    }
    match.end(expected.get("end"), observed.get("end"));
    return match.mismatches;
  }

  private void step(String where, JsonNode expected, JsonNode observed) {
    expected.forEachEntry((key, value) -> {
      switch (key) {
        case "reply", "with" -> equal(where + ", " + key, value, observed.path(key));
        case "signals" -> equal(where + ", signals", signals(value), observed.path(key));
        default -> subset(where + ", " + key, value, observed.path(key));
      }
    });
    for (var key : List.of("with", "signals")) {
      if (!expected.has(key) && observed.has(key)) {
        equal(where + ", " + key, JsonNodeFactory.instance.arrayNode(), observed.get(key));
      }
    }
    if (!mismatches.isEmpty() && mismatches.getLast().startsWith(where)) {
      mismatches.add(where + " was " + shown(observed));
    }
  }

  /// Expands signals without descriptors, which may be abbreviated to their values.
  private static JsonNode signals(JsonNode expected) {
    if (expected.isArray()) {
      return expected;
    }
    var signals = JsonNodeFactory.instance.arrayNode();
    for (var value : expected.get("values")) {
      signals.addObject().set("value", value).putArray("with");
    }
    return signals;
  }

  /// Compares the end, without the parts that the client cannot observe.
  private void end(JsonNode expected, JsonNode observed) {
    boolean well = expected.get("well").booleanValue();
    expected.forEachEntry((key, value) -> {
      boolean seen = observed.has(key) || key.equals("well") || key.equals("left");
      boolean said = value.isString() && value.stringValue().equals("anything");
      boolean statusOfFailure = key.equals("status") && !well;
      if (seen && !said && !statusOfFailure) {
        subset("the end, " + key, value, observed.path(key));
      }
    });
  }

  private void subset(String where, JsonNode expected, JsonNode observed) {
    if (expected.isObject() && expected.has("contains")) {
      var part = expected.get("contains").stringValue();
      if (!observed.asString("").contains(part)) {
        mismatches.add(where + ": no '" + part + "' in " + shown(observed));
      }
    } else if (expected.isObject() && observed.isObject()) {
      expected.forEachEntry((key, value) -> subset(where + ", " + key, value, observed.path(key)));
    } else if (expected.isArray() && observed.isArray()) {
      equal(where + ", length", expected.size(), observed.size());
      for (int i = 0; i < Math.min(expected.size(), observed.size()); i++) {
        subset(where + ", " + i, expected.get(i), observed.get(i));
      }
    } else {
      equal(where, expected, observed);
    }
  }

  private void equal(String where, Object expected, Object observed) {
    if (!expected.equals(observed)) {
      mismatches.add(where + ": expected " + shown(expected) + ", was " + shown(observed));
    }
  }

  private static String shown(Object value) {
    var text = value.toString();
    return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "... (" + text.length() + ")";
  }
}
