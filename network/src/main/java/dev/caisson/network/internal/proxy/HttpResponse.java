package dev.caisson.network.internal.proxy;

import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/// Headers of responses.
public final class HttpResponse {
  private static final Set<String> OF_THE_CONNECTION =
      Set.of("connection", "proxy-connection", "keep-alive");

  private static final Pattern INTERIM =
      Pattern.compile("HTTP/1\\.[01] 1(?!01)[0-9][0-9].*", Pattern.DOTALL);

  private HttpResponse() {}

  /// Whether the response is interim (1xx), and another response follows it.
  ///
  /// @param head the result of [Input#head()]
  public static boolean interim(String head) {
    return INTERIM.matcher(head.split("\r?\n", 2)[0]).matches();
  }

  /// Formats the header for the client, with `Connection: close`: no other response follows on this
  /// connection.
  ///
  /// @throws HttpException if the header is not HTTP/1
  public static String closing(String head) throws HttpException {
    if (!head.startsWith("HTTP/1.")) {
      throw new HttpException(502, "the server does not speak HTTP/1");
    }
    var text = new StringBuilder();
    boolean dropped = false;
    for (var line : head.stripTrailing().split("\r?\n", -1)) {
      boolean continued = line.startsWith(" ") || line.startsWith("\t");
      if (!continued) {
        int colon = line.indexOf(':');
        dropped =
            colon >= 0
                && OF_THE_CONNECTION.contains(
                    line.substring(0, colon).strip().toLowerCase(Locale.ROOT));
      }
      if (!dropped) {
        text.append(line).append("\r\n");
      }
    }
    return text.append("Connection: close\r\n\r\n").toString();
  }

  /// Creates an error response of the proxy itself.
  public static String error(int status, String explanation) {
    var body = explanation + "\n";
    return """
    HTTP/1.1 %d %s\r
    Content-Type: text/plain; charset=us-ascii\r
    Content-Length: %d\r
    Connection: close\r
    \r
    %s\
    """
        .formatted(status, reason(status), body.length(), body);
  }

  private static String reason(int status) {
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
