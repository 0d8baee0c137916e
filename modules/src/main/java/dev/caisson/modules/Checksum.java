package dev.caisson.modules;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;

/// The checksum that a fetched file is named by, such as `sha256:e3b0...`.
///
/// @param algorithm its name in Java
/// @param text the whole name
record Checksum(String algorithm, String text) {
  private static final Map<String, String> ALGORITHMS =
      Map.of(
          "md5", "MD5",
          "sha1", "SHA-1",
          "sha256", "SHA-256",
          "sha384", "SHA-384",
          "sha512", "SHA-512");

  /// @throws IllegalArgumentException if it is of no known kind
  static Checksum parse(String text) {
    int colon = text.indexOf(':');
    var algorithm = colon < 0 ? null : ALGORITHMS.get(text.substring(0, colon));
    if (algorithm == null || !text.substring(colon + 1).matches("[0-9a-f]{32,128}")) {
      throw new IllegalArgumentException("not a checksum: " + text);
    }
    return new Checksum(algorithm, text);
  }

  /// The checksum of the same kind that a file has.
  String of(Path file) throws IOException {
    try (var stream = Files.newInputStream(file)) {
      return of(stream);
    }
  }

  private String of(InputStream stream) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException unavailable) {
      throw new IOException("this JVM cannot compute " + algorithm, unavailable);
    }
    var buffer = new byte[1 << 16];
    for (int count = stream.read(buffer); count >= 0; count = stream.read(buffer)) {
      digest.update(buffer, 0, count);
    }
    return text.substring(0, text.indexOf(':') + 1) + HexFormat.of().formatHex(digest.digest());
  }
}
