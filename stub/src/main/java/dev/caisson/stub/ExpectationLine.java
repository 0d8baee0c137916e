package dev.caisson.stub;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import dev.caisson.stub.ExpectedInvocation.Times;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.PatternSyntaxException;
import tools.jackson.databind.JsonNode;

/// Parses a line of a list of expected invocations.
///
/// @param line its number, for messages
record ExpectationLine(int line) {
  private static final Json JSON = Json.within(new Limits(64 << 20, 8, 20));

  /// Recorded members that differ at each invocation, and are ignored.
  private static final Set<String> PASSED_OVER =
      Set.of("sequence", "argv0", "pid", "ppid", "uid", "gid");

  private static final String PATTERNS =
      "a string, {\"base64\": ...}, {\"glob\": ...}, {\"regex\": ...} or {\"any\": true}";

  /// Parses the line.
  ///
  /// @throws ExpectationException if it is not an invocation
  ExpectedInvocation parse(byte[] text) throws ExpectationException {
    JsonNode json;
    try {
      json = JSON.parse(text);
    } catch (MessageException invalid) {
      // Drops the line number of the parser, which is always 1.
      throw wrong(String.valueOf(invalid.getMessage()).replace("(line 1, ", "("));
    }
    if (!json.isObject()) {
      throw wrong("not an object");
    }
    Optional<String> name = Optional.empty();
    Optional<List<ExpectedArgument>> arguments = Optional.empty();
    Optional<byte[]> directory = Optional.empty();
    List<byte[]> environment = List.of();
    Optional<byte[]> stubs = Optional.empty();
    Optional<ExpectedArgument> input = Optional.empty();
    var times = Times.ONCE;
    for (var entry : json.properties()) {
      var value = entry.getValue();
      switch (entry.getKey()) {
        case "name" -> {
          if (!value.isString()) {
            throw wrong("'name' is not a string");
          }
          name = Optional.of(value.stringValue());
        }
        case "arguments" -> arguments = Optional.of(arguments(value));
        case "directory" -> directory = Optional.of(string(value, "directory"));
        case "environment" -> environment = strings(value, "environment");
        case "stubs" -> stubs = Optional.of(string(value, "stubs"));
        case "stdin" -> input = Optional.of(argument(value, "stdin"));
        case "times" -> times = times(value);
        case String key when PASSED_OVER.contains(key) -> {}
        case String key -> throw wrong("unknown member '" + key + "'");
      }
    }
    if (name.isEmpty()) {
      throw wrong("an invocation must have a 'name'");
    }
    return new ExpectedInvocation(
        line, name.get(), arguments, directory, environment, stubs, input, times);
  }

  private ExpectationException wrong(String what) {
    return new ExpectationException(line, what);
  }

  private List<ExpectedArgument> arguments(JsonNode json) throws ExpectationException {
    if (!json.isArray()) {
      throw wrong("'arguments' is not an array");
    }
    var arguments = new ArrayList<ExpectedArgument>();
    for (var element : json) {
      boolean rest = element.size() == 1 && element.path("rest").isBoolean();
      arguments.add(
          rest && element.path("rest").booleanValue()
              ? new ExpectedArgument.Rest()
              : argument(element, "arguments"));
    }
    return arguments;
  }

  private ExpectedArgument argument(JsonNode json, String key) throws ExpectationException {
    try {
      if (json.isObject() && json.size() == 1) {
        var glob = json.path("glob");
        if (glob.isString()) {
          return new ExpectedArgument.Glob(glob.stringValue());
        }
        var regex = json.path("regex");
        if (regex.isString()) {
          return new ExpectedArgument.Regex(regex.stringValue());
        }
        var any = json.path("any");
        if (any.isBoolean() && any.booleanValue()) {
          return new ExpectedArgument.Any();
        }
      }
    } catch (PatternSyntaxException invalid) {
      throw wrong("'%s' has an invalid pattern: %s".formatted(key, invalid.getDescription()));
    }
    var bytes = InvocationJson.bytes(json);
    if (bytes.isEmpty()) {
      throw wrong(
          "'%s' has an element that is not %s%s"
              .formatted(key, PATTERNS, key.equals("arguments") ? ", nor {\"rest\": true}" : ""));
    }
    return new ExpectedArgument.Exact(bytes.get());
  }

  private Times times(JsonNode json) throws ExpectationException {
    try {
      if (json.isInt()) {
        return new Times(json.intValue(), json.intValue());
      }
      int min = 0;
      int max = Times.UNLIMITED;
      boolean valid = json.isObject() && json.size() > 0;
      for (var entry : json.properties()) {
        valid &= entry.getValue().isInt();
        switch (entry.getKey()) {
          case "min" -> min = valid ? entry.getValue().intValue() : 0;
          case "max" -> max = valid ? entry.getValue().intValue() : 0;
          default -> valid = false;
        }
      }
      if (valid) {
        return new Times(min, max);
      }
    } catch (IllegalArgumentException range) {
      throw wrong(String.valueOf(range.getMessage()));
    }
    throw wrong("'times' is neither a number nor an object of 'min' and 'max'");
  }

  private byte[] string(JsonNode json, String key) throws ExpectationException {
    var bytes = InvocationJson.bytes(json);
    if (bytes.isEmpty()) {
      throw wrong("'" + key + "' is neither a string nor a string in base64");
    }
    return bytes.get();
  }

  private List<byte[]> strings(JsonNode json, String key) throws ExpectationException {
    if (!json.isArray()) {
      throw wrong("'" + key + "' is not an array");
    }
    var strings = new ArrayList<byte[]>();
    for (var element : json) {
      strings.add(string(element, key));
    }
    return strings;
  }
}
