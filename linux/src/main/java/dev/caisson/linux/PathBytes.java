package dev.caisson.linux;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// Between Java's paths and the bytes that the kernel knows.
///
/// A [Path] keeps the bytes of a file's name, but its text does not when they are not of the
/// platform's encoding; only its URI tells them. So a name that is not UTF-8 survives the way
/// through Java in both directions.
///
/// Safe for many threads.
public final class PathBytes {
  private static final Charset NATIVE =
      Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

  private PathBytes() {}

  /// The bytes of a path, without a NUL at the end.
  public static byte[] of(Path path) {
    var text = path.toString();
    if (text.indexOf('\uFFFD') < 0) {
      return encode(text);
    }
    var bytes = decodePercent(path.toUri().getRawPath());
    boolean slashAdded = bytes.length > 1 && bytes[bytes.length - 1] == '/';
    return slashAdded ? java.util.Arrays.copyOf(bytes, bytes.length - 1) : bytes;
  }

  /// The bytes of a name alone, which is not resolved against anything.
  public static byte[] ofName(Path name) {
    var bytes = of(Path.of("/").resolve(name));
    return java.util.Arrays.copyOfRange(bytes, 1, bytes.length);
  }

  /// The path of these bytes, which must be absolute.
  ///
  /// @throws IllegalArgumentException if they are not an absolute path, or hold a NUL
  public static Path toPath(byte[] bytes) {
    if (bytes.length == 0 || bytes[0] != '/') {
      throw new IllegalArgumentException(
          "not an absolute path: " + new String(bytes, StandardCharsets.UTF_8));
    }
    // Only of a URI with three slashes does the JDK keep the bytes.
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

  /// The bytes that the kernel gets for a text: the encoding of file names, UTF-8 wherever the
  /// locale is sane.
  public static byte[] encode(String text) {
    return text.getBytes(NATIVE);
  }

  /// The text of what the kernel says, as Java shows file names.
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

  /// Refuses what the kernel would take for the end of a string.
  ///
  /// @return the same
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
