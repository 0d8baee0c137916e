package dev.caisson.network.internal.proxy;

import dev.caisson.network.policy.Destination;
import dev.caisson.network.policy.HostName;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/// A request of a client to an HTTP proxy. See RFC 9112.
///
/// @param host as the client wrote it, unchecked
/// @param target the target for the server, such as `/path?query`; unused for a tunnel
public record HttpRequest(
    String method, String host, int port, String target, String version, HttpFields fields) {
  private static final Pattern REQUEST_LINE =
      Pattern.compile("(" + HttpFields.TOKEN + ") ([\\x21-\\x7e]+) (HTTP/1\\.[01])");

  // A host is in brackets, or has no colon. Other classes check the rest.
  private static final Pattern AUTHORITY =
      Pattern.compile("(\\[[^\\[\\]@]*\\]|[^\\[\\]:@]+)(?::([0-9]{1,5}))?");

  private static final String HTTP = "http://";
  private static final int HTTP_PORT = 80;

  /// Parses a request.
  ///
  /// @param head the result of [Input#head()]
  public static HttpRequest parse(String head) throws HttpException {
    var lines = lines(head);
    var line = REQUEST_LINE.matcher(lines.getFirst());
    if (!line.matches()) {
      throw new HttpException(
          400, "not a request to a proxy: " + HostName.printable(lines.getFirst()));
    }
    var method = line.group(1);
    var target = line.group(2);
    var version = line.group(3);
    var fields = HttpFields.parse(lines.subList(1, lines.size()));
    if (fields.values("host").size() > 1) {
      throw new HttpException(400, "more than one Host");
    }
    // RFC 9112, 6.1: a server that follows the version would see no content here.
    if (version.equals("HTTP/1.0") && !fields.values("transfer-encoding").isEmpty()) {
      throw new HttpException(400, "a Transfer-Encoding, which HTTP/1.0 does not have");
    }
    if (method.equals("CONNECT")) {
      return of(method, target, 0, "", version, fields);
    }
    if (!target.toLowerCase(Locale.ROOT).startsWith(HTTP)) {
      throw new HttpException(
          400,
          "this is a proxy: it accepts http://HOST/PATH, and CONNECT HOST:PORT for other protocols,"
              + " not "
              + HostName.printable(target));
    }
    if (target.indexOf('#') >= 0) {
      throw new HttpException(400, "a URL with a fragment");
    }
    var rest = target.substring(HTTP.length());
    int end = 0;
    while (end < rest.length() && "/?".indexOf(rest.charAt(end)) < 0) {
      end++;
    }
    return of(
        method,
        rest.substring(0, end),
        HTTP_PORT,
        origin(method, rest.substring(end)),
        version,
        fields);
  }

  private static List<String> lines(String head) throws HttpException {
    var text = head.substring(0, Math.max(head.length() - 4, 0));
    var lines = List.of(text.split("\r\n", -1));
    if (!head.endsWith("\r\n\r\n")
        || lines.stream().anyMatch(line -> line.indexOf('\n') >= 0 || line.indexOf('\r') >= 0)) {
      throw new HttpException(400, "the lines of a header must end with CR and LF");
    }
    return lines;
  }

  private static String origin(String method, String path) {
    if (path.isEmpty()) {
      return method.equals("OPTIONS") ? "*" : "/";
    }
    return path.startsWith("/") ? path : "/" + path;
  }

  /// @param port the default port; 0 if the authority must include a port
  private static HttpRequest of(
      String method, String authority, int port, String target, String version, HttpFields fields)
      throws HttpException {
    var matcher = AUTHORITY.matcher(authority);
    if (!matcher.matches() || (matcher.group(2) == null && port == 0)) {
      throw new HttpException(400, "not a HOST:PORT: " + HostName.printable(authority));
    }
    var given = matcher.group(2);
    return new HttpRequest(
        method,
        matcher.group(1),
        given == null ? port : Integer.parseInt(given),
        target,
        version,
        fields);
  }

  public boolean tunnel() {
    return method.equals("CONNECT");
  }

  /// Formats the header for the server. Its Host is the authority that was checked, whatever the
  /// client's Host field says.
  public String forOrigin() {
    var destination = Destination.of(host, port);
    var authority =
        port == HTTP_PORT
            ? destination.authority().replaceFirst(":80$", "")
            : destination.authority();
    var text = new StringBuilder();
    text.append("%s %s %s\r\nHost: %s\r\n".formatted(method, target, version, authority));
    for (var field : fields.endToEnd()) {
      if (!field.lowerCase().equals("host")) {
        text.append(field.name()).append(": ").append(field.value()).append("\r\n");
      }
    }
    return text.append("Connection: close\r\n\r\n").toString();
  }
}
