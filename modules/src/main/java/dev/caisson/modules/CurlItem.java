package dev.caisson.modules;

import dev.caisson.engine.spi.Checksum;
import java.util.Optional;
import java.util.OptionalLong;
import tools.jackson.databind.JsonNode;

/// A file to download.
///
/// @param size the size in bytes, if the manifest gives it
/// @param insecure whether the server's certificate is not checked
/// @param secrets the provider of the client's credentials, if the manifest names one
record CurlItem(
    Checksum checksum, String url, OptionalLong size, boolean insecure, Optional<String> secrets) {
  static CurlItem of(String checksum, JsonNode description) {
    if (description.isString()) {
      return new CurlItem(
          Checksum.parse(checksum),
          description.stringValue(),
          OptionalLong.empty(),
          false,
          Optional.empty());
    }
    var size = description.get("size");
    return new CurlItem(
        Checksum.parse(checksum),
        description.path("url").asString(),
        size == null ? OptionalLong.empty() : OptionalLong.of(size.asLong()),
        description.path("insecure").asBoolean(false),
        Optional.ofNullable(description.path("secrets").get("name")).map(JsonNode::asString));
  }
}
