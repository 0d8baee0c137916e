package dev.caisson.engine.spi;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;

/// The checksum that names a fetched file, such as `sha256:e3b0...`. Safe for many threads.
///
/// @param algorithm the Java name of the algorithm, such as `SHA-256`
/// @param text the whole name, such as `sha256:e3b0...`
public record Checksum(String algorithm, String text) {
  private static final Map<String, String> ALGORITHMS =
      Map.of(
          "md5", "MD5",
          "sha1", "SHA-1",
          "sha256", "SHA-256",
          "sha384", "SHA-384",
          "sha512", "SHA-512");

  /// Parses the name of a file.
  ///
  /// @param text `md5`, `sha1`, `sha256`, `sha384` or `sha512`, a colon and hexadecimal digits
  /// @throws IllegalArgumentException if the text is not a checksum
  public static Checksum parse(String text) {
    int colon = text.indexOf(':');
    var algorithm = colon < 0 ? null : ALGORITHMS.get(text.substring(0, colon));
    if (algorithm == null || !text.substring(colon + 1).matches("[0-9a-f]{32,128}")) {
      throw new IllegalArgumentException("not a checksum: " + text);
    }
    return new Checksum(algorithm, text);
  }

  /// Computes the checksum of a file with the same algorithm. Reads the whole file.
  public String of(Path file) throws IOException {
    try (var stream = Files.newInputStream(file)) {
      return of(stream);
    }
  }

  private String of(InputStream stream) throws IOException {
    var digest = digest(algorithm);
    var buffer = new byte[1 << 16];
    for (int count = stream.read(buffer); count >= 0; count = stream.read(buffer)) {
      digest.update(buffer, 0, count);
    }
    return text.substring(0, text.indexOf(':') + 1) + HexFormat.of().formatHex(digest.digest());
  }

  /// The `sha256` checksum of some bytes.
  public static Checksum sha256(byte[] bytes) {
    return new Checksum("SHA-256", "sha256:" + HexFormat.of().formatHex(sha256().digest(bytes)));
  }

  /// A new SHA-256 digest, for one thread.
  public static MessageDigest sha256() {
    return digest("SHA-256");
  }

  private static MessageDigest digest(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException impossible) {
      throw new AssertionError("every JDK has " + algorithm, impossible);
    }
  }
}
