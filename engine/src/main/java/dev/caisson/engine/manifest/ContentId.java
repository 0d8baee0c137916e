package dev.caisson.engine.manifest;

import dev.caisson.engine.spi.Checksum;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The SHA-256 of several JSON values, one after another. osbuild calls it the id of a stage or an
/// input.
final class ContentId {
  private final MessageDigest digest = Checksum.sha256();

  ContentId add(JsonNode value) {
    digest.update(PythonJson.sorted(value).getBytes(StandardCharsets.US_ASCII));
    return this;
  }

  ContentId add(String value) {
    return add(JsonNodeFactory.instance.stringNode(value));
  }

  /// An absent value counts as null.
  ContentId add(Optional<String> value) {
    return value.isPresent() ? add(value.get()) : add(JsonNodeFactory.instance.nullNode());
  }

  ContentId add(Map<String, String> values) {
    var object = JsonNodeFactory.instance.objectNode();
    values.forEach(object::put);
    return add(object);
  }

  String hex() {
    return HexFormat.of().formatHex(digest.digest());
  }
}
