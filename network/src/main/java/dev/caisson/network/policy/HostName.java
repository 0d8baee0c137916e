package dev.caisson.network.policy;

import java.net.IDN;
import java.util.Locale;
import java.util.regex.Pattern;

/// Normalizes host names for comparison: lower case, ASCII, without the dot of the root.
public final class HostName {
  private static final int MAX_NAME = 253;
  private static final int MAX_LABEL = 63;
  private static final int MAX_SHOWN = 80;

  private static final Pattern LABEL = Pattern.compile("[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?");

  /// A label that resolvers may parse as part of an address: `127.1`, `0x7f000001`, `017700000001`.
  private static final Pattern NUMBER = Pattern.compile("[0-9]+|0x[0-9a-f]*");

  private HostName() {}

  /// Returns the ASCII form of a name or address, in lower case and without a dot at the end.
  ///
  /// @throws IllegalArgumentException if the text can be neither a name nor an address
  public static String ascii(String text) {
    if (text.isEmpty()) {
      throw new IllegalArgumentException("the host name is missing");
    }
    // The ASCII form of an internationalized name is longer, so this limit holds for both.
    if (text.length() > MAX_NAME + 1) {
      throw new IllegalArgumentException(
          "a name of %d characters: 253 at most are allowed".formatted(text.length()));
    }
    if (text.chars().anyMatch(c -> c <= ' ' || c == 0x7f)) {
      throw new IllegalArgumentException(
          "a name with a space or control character: " + printable(text));
    }
    var ascii = text;
    if (text.chars().anyMatch(c -> c > 0x7f)) {
      try {
        ascii = IDN.toASCII(text);
      } catch (RuntimeException unacceptable) {
        throw new IllegalArgumentException(
            "not an internationalized name: " + printable(text), unacceptable);
      }
    }
    return (ascii.endsWith(".") ? ascii.substring(0, ascii.length() - 1) : ascii)
        .toLowerCase(Locale.ROOT);
  }

  /// Checks a name, and returns it.
  ///
  /// @param ascii the result of [#ascii(String)]
  /// @throws IllegalArgumentException if the text is not a valid host name
  public static String checked(String ascii) {
    if (ascii.length() > MAX_NAME) {
      throw new IllegalArgumentException("a name of more than 253 characters");
    }
    var labels = ascii.split("\\.", -1);
    for (var label : labels) {
      if (label.isEmpty()) {
        throw new IllegalArgumentException("a name with an empty part: " + printable(ascii));
      }
      if (label.length() > MAX_LABEL) {
        throw new IllegalArgumentException(
            "a name with a part of more than 63 characters: " + printable(ascii));
      }
      if (!LABEL.matcher(label).matches()) {
        throw new IllegalArgumentException("not the name of a host: " + printable(ascii));
      }
    }
    if (NUMBER.matcher(labels[labels.length - 1]).matches()) {
      throw new IllegalArgumentException(
          "neither a name nor an address: %s (an address is written as 192.0.2.1)"
              .formatted(printable(ascii)));
    }
    return ascii;
  }

  /// Whether a name is one of this machine's own. See RFC 6761, 6.3.
  ///
  /// @param ascii the result of [#ascii(String)]
  static boolean isLocalhost(String ascii) {
    return ascii.equals("localhost") || ascii.endsWith(".localhost");
  }

  /// Formats untrusted text for a message or log: short, on one line, and in ASCII.
  public static String printable(String text) {
    var shown = new StringBuilder();
    for (int i = 0; i < Math.min(text.length(), MAX_SHOWN); i++) {
      char c = text.charAt(i);
      shown.append(c >= ' ' && c < 0x7f ? String.valueOf(c) : "\\u%04x".formatted((int) c));
    }
    return text.length() > MAX_SHOWN ? shown + "..." : shown.toString();
  }
}
