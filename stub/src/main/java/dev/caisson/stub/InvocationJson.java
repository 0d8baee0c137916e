package dev.caisson.stub;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.PathBytes;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The JSON form of an invocation: one object in one line. A string of the kernel's that is not
/// UTF-8 is written as an object with its bytes in base64. Thread-safe.
public final class InvocationJson {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final String BASE64 = "base64";

  private InvocationJson() {}

  /// The line, with its newline.
  ///
  /// @param stubs the directory of the stubs, to include it and the environment, which names it
  public static byte[] line(RecordedInvocation invocation, Optional<Path> stubs)
      throws MessageException {
    var json = JSON.objectNode();
    json.put("sequence", invocation.sequence());
    json.put("name", invocation.name());
    var first = invocation.argv().stream().findFirst();
    if (first.isEmpty() || !Arrays.equals(first.get(), PathBytes.encode(invocation.name()))) {
      json.set("argv0", first.map(InvocationJson::string).orElse(JSON.nullNode()));
    }
    strings(json.putArray("arguments"), invocation.argv().stream().skip(1).toList());
    invocation.directory().ifPresent(path -> json.set("directory", string(PathBytes.of(path))));
    json.put("pid", invocation.credentials().pid());
    json.put("ppid", invocation.ppid());
    json.put("uid", invocation.credentials().uid());
    json.put("gid", invocation.credentials().gid());
    invocation.input().ifPresent(bytes -> json.set("stdin", string(bytes)));
    if (stubs.isPresent()) {
      json.set("stubs", string(PathBytes.of(stubs.get())));
      strings(json.putArray("environment"), invocation.envp());
    }
    var line = new ByteArrayOutputStream();
    line.writeBytes(Json.write(json));
    line.write('\n');
    return line.toByteArray();
  }

  private static void strings(ArrayNode array, List<byte[]> strings) {
    strings.forEach(string -> array.add(string(string)));
  }

  private static JsonNode string(byte[] bytes) {
    return text(bytes)
        .<JsonNode>map(JSON::stringNode)
        .orElseGet(() -> JSON.objectNode().put(BASE64, Base64.getEncoder().encodeToString(bytes)));
  }

  /// The text of bytes, if they are UTF-8.
  private static Optional<String> text(byte[] bytes) {
    try {
      return Optional.of(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
    } catch (CharacterCodingException other) {
      return Optional.empty();
    }
  }

  /// The bytes of a string that [#line] wrote.
  ///
  /// @return empty if it is anything else
  static Optional<byte[]> bytes(JsonNode json) {
    if (json.isString()) {
      return Optional.of(json.stringValue().getBytes(StandardCharsets.UTF_8));
    }
    var encoded = json.path(BASE64);
    if (json.size() != 1 || !encoded.isString()) {
      return Optional.empty();
    }
    try {
      return Optional.of(Base64.getDecoder().decode(encoded.stringValue()));
    } catch (IllegalArgumentException nonsense) {
      return Optional.empty();
    }
  }
}
