package dev.caisson.network.internal.proxy;

import dev.caisson.network.internal.proxy.HttpFields.Field;
import dev.caisson.network.policy.HostName;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The header of a response. See RFC 9112.
///
/// Old forms with one meaning are accepted and rewritten: lines that end with LF alone, folded
/// lines, spaces before a colon. A header that two readers could take for two responses is an error
/// of the server.
///
/// @param minor the server's version is HTTP/1.minor
/// @param fields in their order, folded lines joined
public record HttpResponse(int minor, int status, String reason, List<Field> fields) {
  /// The longest header of a response, in bytes.
  static final int LONGEST = 64 * 1024;

  private static final Pattern STATUS_LINE =
      Pattern.compile("HTTP/1\\.([0-9]) ([1-9][0-9]{2})(?: (.*))?", Pattern.DOTALL);

  private static final Pattern FIELD =
      Pattern.compile("(" + HttpFields.TOKEN + ")[ \t]*:[ \t]*(.*?)[ \t]*", Pattern.DOTALL);

  private static final Pattern DIGITS = Pattern.compile("[0-9]{1,18}");

  private static final Set<String> OF_THE_CONNECTION =
      Set.of("connection", "proxy-connection", "keep-alive", "trailer", "upgrade");

  private static final String LENGTH = "content-length";
  private static final String ENCODING = "transfer-encoding";

  /// The longest explanation in a status line, in characters.
  private static final int LONGEST_REASON = 300;

  /// Parses the header of a response.
  ///
  /// @param head the result of [Input#head()]
  /// @throws HttpException 502 if the header is not one of HTTP/1
  public static HttpResponse parse(String head) throws HttpException {
    var lines = List.of(head.stripTrailing().split("\r?\n", -1));
    var line = STATUS_LINE.matcher(lines.getFirst());
    if (!line.matches()) {
      throw new HttpException(
          502, "the server does not speak HTTP/1: " + HostName.printable(lines.getFirst()));
    }
    var fields = new ArrayList<Field>();
    for (var text : unfolded(lines.subList(1, lines.size()))) {
      var field = FIELD.matcher(text);
      if (!field.matches() || hasControl(text)) {
        throw new HttpException(
            502, "the server's answer has a malformed field: " + HostName.printable(text));
      }
      fields.add(new Field(field.group(1), field.group(2)));
    }
    var reason = line.group(3) == null ? "" : line.group(3);
    if (hasControl(reason)) {
      throw new HttpException(502, "the server's status line has a control character");
    }
    return new HttpResponse(
        Integer.parseInt(line.group(1)),
        Integer.parseInt(line.group(2)),
        reason,
        List.copyOf(fields));
  }

  /// Joins a folded line (RFC 9112, 5.2) with the line before.
  private static List<String> unfolded(List<String> lines) {
    var all = new ArrayList<String>();
    for (var line : lines) {
      boolean folded = line.startsWith(" ") || line.startsWith("\t");
      if (folded && !all.isEmpty()) {
        all.set(all.size() - 1, all.getLast() + " " + line.strip());
      } else {
        all.add(line);
      }
    }
    return all;
  }

  private static boolean hasControl(String text) {
    return text.chars().anyMatch(c -> c == '\0' || c == '\r' || c == '\n');
  }

  /// Whether the response is interim (1xx), and another response follows it.
  public boolean interim() {
    return status < 200 && status != 101;
  }

  /// Whether a response with this status has no content, whatever its fields say.
  private boolean bare() {
    return status < 200 || status == 204 || status == 304;
  }

  private List<String> values(String lowerCase) {
    return fields.stream()
        .filter(field -> field.lowerCase().equals(lowerCase))
        .flatMap(field -> Stream.of(field.value().split(",", -1)))
        .map(value -> value.strip().toLowerCase(Locale.ROOT))
        .toList();
  }

  /// Finds the length of the content. See RFC 9112, 6.3.
  ///
  /// @throws HttpException 502 if the fields are contradictory
  public HttpBody body(HttpRequest request) throws HttpException {
    var lengths = Set.copyOf(values(LENGTH));
    var encodings = values(ENCODING);
    if (!lengths.isEmpty() && !encodings.isEmpty()) {
      throw new HttpException(
          502, "the server's answer has both Content-Length and Transfer-Encoding");
    }
    if (!encodings.isEmpty() && minor == 0) {
      throw new HttpException(
          502, "the server's answer has a Transfer-Encoding, which HTTP/1.0 does not have");
    }
    if (lengths.size() > 1) {
      throw new HttpException(502, "the server's answer has conflicting Content-Lengths");
    }
    if (!lengths.isEmpty() && !DIGITS.matcher(lengths.iterator().next()).matches()) {
      throw new HttpException(502, "the server's Content-Length is not a number");
    }
    int chunked = encodings.indexOf("chunked");
    if (chunked >= 0 && chunked < encodings.size() - 1) {
      throw new HttpException(502, "the server's answer is encoded after it is chunked");
    }
    if (bare() || request.method().equals("HEAD")) {
      return new HttpBody.Sized(0);
    }
    if (chunked >= 0) {
      return new HttpBody.Chunked(
          request.knowsChunks() ? HttpBody.Chunked.Form.CHUNKS : HttpBody.Chunked.Form.PLAIN);
    }
    return lengths.isEmpty()
        ? new HttpBody.ToTheEnd()
        : new HttpBody.Sized(Long.parseLong(lengths.iterator().next()));
  }

  /// Formats the header for the client. A final response gets `Connection: close`: no other
  /// response follows on this connection.
  public String forClient(HttpRequest request) {
    var dropped = new HashSet<>(OF_THE_CONNECTION);
    for (var option : values("connection")) {
      if (!option.equals(LENGTH) && !option.equals(ENCODING)) {
        dropped.add(option);
      }
    }
    if (status < 200 || status == 204) {
      dropped.add(LENGTH);
    }
    if (status < 200 || status == 204 || !request.knowsChunks()) {
      dropped.add(ENCODING);
    }
    var text = new StringBuilder("HTTP/1.1 %d %s\r\n".formatted(status, reason));
    for (var field : fields) {
      if (dropped.contains(field.lowerCase())) {
        continue;
      }
      var value = field.value();
      if (field.lowerCase().equals(LENGTH)) {
        // All values are equal; the client gets one.
        value = values(LENGTH).getFirst();
        dropped.add(LENGTH);
      }
      text.append(field.name()).append(": ").append(value).append("\r\n");
    }
    return text.append(interim() ? "\r\n" : "Connection: close\r\n\r\n").toString();
  }

  /// Creates an error response of the proxy itself. The status line has the explanation, too,
  /// because many programs show nothing else of the answer to a CONNECT.
  public static String error(int status, String explanation) {
    var shown = printable(explanation);
    var body = shown + "\n";
    var reason = shown.length() > LONGEST_REASON ? shown.substring(0, LONGEST_REASON) : shown;
    return """
    HTTP/1.1 %d %s: %s\r
    Content-Type: text/plain; charset=us-ascii\r
    Content-Length: %d\r
    Connection: close\r
    \r
    %s\
    """
        .formatted(status, phrase(status), reason, body.length(), body);
  }

  private static String printable(String text) {
    var shown = new StringBuilder();
    text.chars().forEach(c -> shown.append(c >= ' ' && c < 0x7f ? (char) c : '?'));
    return shown.toString();
  }

  private static String phrase(int status) {
    return switch (status) {
      case 400 -> "Bad Request";
      case 403 -> "Forbidden";
      case 408 -> "Request Timeout";
      case 431 -> "Request Header Fields Too Large";
      case 501 -> "Not Implemented";
      case 502 -> "Bad Gateway";
      case 503 -> "Service Unavailable";
      case 504 -> "Gateway Timeout";
      default -> "Error";
    };
  }
}
