package dev.caisson.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/// A second implementation of an origin that reads a request, as strict as RFC 9112 permits any
/// reader to be.
final class Forwarded {
  private static final Pattern REQUEST_LINE =
      Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+ (/[!-~&&[^#]]*|\\*) HTTP/1\\.([01])");
  private static final Pattern FIELD =
      Pattern.compile("([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t -~\u0080-\u00ff]*)");
  private static final Pattern HOST =
      Pattern.compile("([a-z0-9_.-]+|\\[[0-9a-f:]+\\])(:[1-9][0-9]*)?");
  private static final Pattern CHUNK = Pattern.compile("([1-9a-f][0-9a-f]*)\r\n");
  private static final String LAST_CHUNK = "0\r\n\r\n";

  /// Fields of the connection to the proxy, and fields that the proxy adds.
  private static final Set<String> NOT_PASSED_ON =
      Set.of(
          "host",
          "connection",
          "proxy-connection",
          "keep-alive",
          "proxy-authenticate",
          "proxy-authorization",
          "te",
          "trailer",
          "upgrade");

  private Forwarded() {}

  /// Fails unless the text is exactly one request.
  ///
  /// @param text each byte as a character
  /// @param authority the authority of the origin
  /// @param whole whether the content must be complete; otherwise it must be cut off
  static void check(String text, String authority, boolean whole) {
    int end = text.indexOf("\r\n\r\n");
    require(end > 0, text);
    var lines = new ArrayList<>(List.of(text.substring(0, end).split("\r\n", -1)));
    var first = REQUEST_LINE.matcher(lines.removeFirst());
    require(first.matches(), text);
    var host = authority.replaceFirst(":80$", "");
    require(HOST.matcher(host).matches(), text);
    Check.equal("Host: " + host, lines.removeFirst());
    Check.equal("Connection: close", lines.removeLast());
    var lengths = new ArrayList<String>();
    var encodings = new ArrayList<String>();
    for (var line : lines) {
      var field = FIELD.matcher(line);
      require(field.matches(), text);
      var name = field.group(1).toLowerCase(Locale.ROOT);
      require(!NOT_PASSED_ON.contains(name), text);
      switch (name) {
        case "content-length" -> lengths.add(field.group(2));
        case "transfer-encoding" -> encodings.add(field.group(2));
        default -> {}
      }
    }
    require(lengths.size() + encodings.size() <= 1, text);
    var content = text.substring(end + 4);
    if (encodings.isEmpty()) {
      long length = lengths.isEmpty() ? 0 : Long.parseUnsignedLong(lengths.getFirst());
      require(whole ? content.length() == length : content.length() < length, text);
    } else {
      require(encodings.getFirst().equalsIgnoreCase("chunked"), text);
      // HTTP/1.0 has no such encoding.
      require(first.group(2).equals("1"), text);
      require(isChunked(content, whole), text);
    }
  }

  private static boolean isChunked(String content, boolean whole) {
    var chunk = CHUNK.matcher(content);
    int at = 0;
    while (chunk.find(at) && chunk.start() == at) {
      long next = chunk.end() + Long.parseLong(chunk.group(1), 16);
      if (next + 2 > content.length()) {
        return !whole;
      }
      if (!content.startsWith("\r\n", (int) next)) {
        return false;
      }
      at = (int) next + 2;
    }
    return whole ? content.substring(at).equals(LAST_CHUNK) : at == content.length();
  }

  private static void require(boolean condition, String text) {
    if (!condition) {
      throw new AssertionError("not one request: " + text);
    }
  }
}
