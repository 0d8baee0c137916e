package dev.caisson.linux;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// Converts between Java's paths and the kernel's bytes, without loss.
///
/// A [Path] keeps the bytes of a file name. Its text loses bytes that are invalid in the platform's
/// encoding, but its URI shows them. The conversion uses the URI, so a name that is not UTF-8
/// survives in both directions.
///
/// Safe for many threads.
public final class PathBytes {
  private static final Charset NATIVE =
      Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

  private PathBytes() {}

  /// Returns the bytes of a path, without a NUL at the end.
  public static byte[] of(Path path) {
    var text = path.toString();
    if (text.indexOf('\uFFFD') < 0) {
      return encode(text);
    }
    var bytes = decodePercent(path.toUri().getRawPath());
    boolean slashAdded = bytes.length > 1 && bytes[bytes.length - 1] == '/';
    return slashAdded ? java.util.Arrays.copyOf(bytes, bytes.length - 1) : bytes;
  }

  /// Returns the bytes of a single name, without resolving it against a directory.
  public static byte[] ofName(Path name) {
    var bytes = of(Path.of("/").resolve(name));
    return java.util.Arrays.copyOfRange(bytes, 1, bytes.length);
  }

  /// Returns the path for these bytes, which must be absolute.
  ///
  /// @throws IllegalArgumentException if they are not an absolute path, or hold a NUL
  public static Path toPath(byte[] bytes) {
    if (bytes.length == 0 || bytes[0] != '/') {
      throw new IllegalArgumentException(
          "not an absolute path: " + new String(bytes, StandardCharsets.UTF_8));
    }
    // The JDK keeps the bytes only of a URI with three slashes.
    var uri = new StringBuilder("file://");
    for (byte b : bytes) {
      if (b == '/' || (b < 127 && b > 32 && Character.isLetterOrDigit(b))) {
        uri.append((char) b);
      } else {
        uri.append('%').append(String.format("%02X", b));
      }
    }
    return Path.of(URI.create(uri.toString()));
  }

  /// Encodes a text for the kernel, in the encoding of file names: UTF-8 in any sane locale.
  public static byte[] encode(String text) {
    return text.getBytes(NATIVE);
  }

  /// Decodes bytes of the kernel, in the encoding of file names.
  public static String decode(byte[] bytes) {
    return new String(bytes, NATIVE);
  }

  private static byte[] decodePercent(String raw) {
    var bytes = new ByteArrayOutputStream(raw.length());
    for (int i = 0; i < raw.length(); i++) {
      char c = raw.charAt(i);
      if (c == '%') {
        bytes.write(Integer.parseInt(raw, i + 1, i + 3, 16));
        i += 2;
      } else {
        bytes.write(c);
      }
    }
    return bytes.toByteArray();
  }

  /// Rejects a NUL byte, which would end the string for the kernel.
  ///
  /// @return the same array
  /// @throws IllegalArgumentException if a byte is NUL
  public static byte[] withoutNul(byte[] bytes) {
    for (byte one : bytes) {
      if (one == 0) {
        throw new IllegalArgumentException("a string for the kernel cannot hold a NUL byte");
      }
    }
    return bytes;
  }
}
