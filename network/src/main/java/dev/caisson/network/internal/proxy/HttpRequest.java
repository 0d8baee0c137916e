package dev.caisson.network.internal.proxy;

import dev.caisson.network.policy.Destination;
import dev.caisson.network.policy.HostName;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
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
      Pattern.compile("(" + HttpFields.TOKEN + ") ([\\x21-\\x7e\\x80-\\xff]+) (HTTP/1\\.[01])");

  // A host is in brackets, or has no colon. Other classes check the rest.
  private static final Pattern AUTHORITY =
      Pattern.compile("(\\[[^\\[\\]@]*\\]|[^\\[\\]:@]+)(?::([0-9]{0,5}))?");

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
    // A fragment is the client's own, and no part of the request (RFC 9110, 7.1).
    var rest = target.substring(HTTP.length()).split("#", 2)[0];
    int end = 0;
    while (end < rest.length() && "/?".indexOf(rest.charAt(end)) < 0) {
      end++;
    }
    return of(
        method,
        rest.substring(0, end),
        HTTP_PORT,
        encoded(origin(method, rest.substring(end))),
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

  /// Encodes the bytes of a path that are not ASCII. Some programs send them as they are, and some
  /// servers take some of them for spaces.
  private static String encoded(String target) {
    var text = new StringBuilder();
    target
        .chars()
        .forEach(c -> text.append(c < 0x80 ? String.valueOf((char) c) : "%%%02X".formatted(c)));
    return text.toString();
  }

  /// @param port the default port; 0 if the authority must include a port
  private static HttpRequest of(
      String method, String authority, int port, String target, String version, HttpFields fields)
      throws HttpException {
    var matcher = AUTHORITY.matcher(authority);
    boolean matches = matcher.matches();
    // RFC 3986, 3.2.3: an empty port is the default port.
    boolean given = matches && matcher.group(2) != null && !matcher.group(2).isEmpty();
    if (!matches || (!given && port == 0)) {
      throw new HttpException(400, "not a HOST:PORT: " + HostName.printable(authority));
    }
    return new HttpRequest(
        method,
        utf8(matcher.group(1)),
        given ? Integer.parseInt(matcher.group(2)) : port,
        target,
        version,
        fields);
  }

  /// Decodes a host: one that is not in ASCII is sent as UTF-8.
  private static String utf8(String bytes) throws HttpException {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(HttpBody.bytes(bytes)))
          .toString();
    } catch (CharacterCodingException malformed) {
      throw new HttpException(400, "a host that is not UTF-8: " + HostName.printable(bytes));
    }
  }

  /// Whether the client knows chunks and interim responses, which HTTP/1.0 does not have.
  public boolean knowsChunks() {
    return !version.equals("HTTP/1.0");
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
