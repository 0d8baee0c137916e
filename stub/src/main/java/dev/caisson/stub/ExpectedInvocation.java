package dev.caisson.stub;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.PathBytes;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// An expected invocation of a stub. Immutable, as long as the caller does not change the arrays.
///
/// @param line its line number, for messages
/// @param name the name of the stub
/// @param arguments the arguments after the name, byte for byte
/// @param directory the working directory; any directory if empty
/// @param environment required variables, each as name, `=` and value; others are allowed
/// @param stubs the directory of the stubs when the environment was recorded, if it was
public record ExpectedInvocation(
    int line,
    String name,
    List<byte[]> arguments,
    Optional<byte[]> directory,
    List<byte[]> environment,
    Optional<byte[]> stubs) {
  private static final Json JSON = Json.within(new Limits(64 << 20, 8, 20));

  /// Recorded members that differ at each invocation, and are ignored.
  private static final Set<String> PASSED_OVER =
      Set.of("sequence", "argv0", "pid", "ppid", "uid", "gid");

  /// Copies the lists. The arrays are not copied and must not be changed.
  public ExpectedInvocation {
    arguments = List.copyOf(arguments);
    environment = List.copyOf(environment);
  }

  /// Expects an invocation with these arguments, in any directory and environment.
  ///
  /// @param line its line number, for messages
  public static ExpectedInvocation of(int line, String name, String... arguments) {
    return new ExpectedInvocation(
        line,
        name,
        Arrays.stream(arguments).map(PathBytes::encode).toList(),
        Optional.empty(),
        List.of(),
        Optional.empty());
  }

  /// Parses a line.
  ///
  /// @throws ExpectationException if the line is not an invocation
  static ExpectedInvocation parse(byte[] text, int line) throws ExpectationException {
    JsonNode json;
    try {
      json = JSON.parse(text);
    } catch (MessageException invalid) {
      // Drops the line number of the parser, which is always 1.
      throw wrong(line, String.valueOf(invalid.getMessage()).replace("(line 1, ", "("));
    }
    if (!json.isObject()) {
      throw wrong(line, "not an object");
    }
    Optional<String> name = Optional.empty();
    Optional<List<byte[]>> arguments = Optional.empty();
    Optional<byte[]> directory = Optional.empty();
    List<byte[]> environment = List.of();
    Optional<byte[]> stubs = Optional.empty();
    for (var entry : json.properties()) {
      var value = entry.getValue();
      switch (entry.getKey()) {
        case "name" -> {
          if (!value.isString()) {
            throw wrong(line, "'name' is not a string");
          }
          name = Optional.of(value.stringValue());
        }
        case "arguments" -> arguments = Optional.of(strings(value, line, "arguments"));
        case "directory" -> directory = Optional.of(string(value, line, "directory"));
        case "environment" -> environment = strings(value, line, "environment");
        case "stubs" -> stubs = Optional.of(string(value, line, "stubs"));
        case String key when PASSED_OVER.contains(key) -> {}
        case String key -> throw wrong(line, "unknown member '" + key + "'");
      }
    }
    if (name.isEmpty() || arguments.isEmpty()) {
      throw wrong(line, "an invocation must have 'name' and 'arguments'");
    }
    return new ExpectedInvocation(line, name.get(), arguments.get(), directory, environment, stubs);
  }

  private static ExpectationException wrong(int line, String what) {
    return new ExpectationException(line, what);
  }

  private static byte[] string(JsonNode json, int line, String key) throws ExpectationException {
    var bytes = InvocationJson.bytes(json);
    if (bytes.isEmpty()) {
      throw wrong(line, "'" + key + "' is neither a string nor a string in base64");
    }
    return bytes.get();
  }

  private static List<byte[]> strings(JsonNode json, int line, String key)
      throws ExpectationException {
    if (!json.isArray()) {
      throw wrong(line, "'" + key + "' is not an array");
    }
    var strings = new ArrayList<byte[]>();
    for (var element : json) {
      strings.add(string(element, line, key));
    }
    return strings;
  }

  /// Whether an invocation is as expected.
  ///
  /// @param now the directory of the stubs
  boolean matches(RecordedInvocation invocation, Path now) {
    return name.equals(invocation.name())
        && hasArgumentsOf(invocation)
        && isDirectory(invocation)
        && missing(invocation, now).isEmpty();
  }

  boolean hasArgumentsOf(RecordedInvocation invocation) {
    var others = invocation.argv().stream().skip(1).toArray();
    return Arrays.deepEquals(arguments.toArray(), others);
  }

  boolean isDirectory(RecordedInvocation invocation) {
    return directory.isEmpty()
        || invocation.directory().stream()
            .anyMatch(path -> Arrays.equals(PathBytes.of(path), directory.get()));
  }

  /// The required variables that an invocation lacks.
  List<byte[]> missing(RecordedInvocation invocation, Path now) {
    return environment.stream()
        .map(variable -> moved(variable, now))
        .filter(variable -> invocation.envp().stream().noneMatch(is -> Arrays.equals(is, variable)))
        .toList();
  }

  /// A recorded variable, such as PATH, with the present directory of the stubs.
  private byte[] moved(byte[] variable, Path now) {
    if (stubs.isEmpty() || stubs.get().length == 0) {
      return variable;
    }
    // ISO 8859-1 maps each byte to a character.
    var latin = StandardCharsets.ISO_8859_1;
    return new String(variable, latin)
        .replace(new String(stubs.get(), latin), new String(PathBytes.of(now), latin))
        .getBytes(latin);
  }

  /// Whether everything but the line is equal, byte for byte.
  @Override
  public boolean equals(Object other) {
    return other instanceof ExpectedInvocation expected
        && Arrays.deepEquals(members(), expected.members());
  }

  @Override
  public int hashCode() {
    return Arrays.deepHashCode(members());
  }

  private Object[] members() {
    return new Object[] {
      name,
      arguments.toArray(),
      directory.map(bytes -> new Object[] {bytes}).orElse(new Object[0]),
      environment.toArray(),
      stubs.map(bytes -> new Object[] {bytes}).orElse(new Object[0])
    };
  }

  /// The line, the name and the arguments.
  @Override
  public String toString() {
    return "line %d: %s %s"
        .formatted(line, name, arguments.stream().map(PathBytes::decode).toList());
  }
}
