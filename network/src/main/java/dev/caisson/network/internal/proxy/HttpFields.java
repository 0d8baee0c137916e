package dev.caisson.network.internal.proxy;

import dev.caisson.network.policy.HostName;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The fields of a request's header, parsed as strictly as RFC 9112 allows. A header that the proxy
/// and the server parse differently is a security hole (request smuggling).
///
/// @param fields in their order
public record HttpFields(List<Field> fields) {
  public static final Pattern TOKEN = Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+");

  /// A value may contain any byte except control characters (RFC 9110, 5.5). DOTALL, because a
  /// pattern takes one of these bytes (U+0085) for a line terminator.
  private static final Pattern LINE =
      Pattern.compile("(" + TOKEN + "):[ \t]*(.*?)[ \t]*", Pattern.DOTALL);

  private static final int MOST = 200;

  /// Fields of the connection, not of the request. See RFC 9110, 7.6.1.
  private static final Set<String> HOP_BY_HOP =
      Set.of(
          "connection",
          "proxy-connection",
          "keep-alive",
          "proxy-authenticate",
          "proxy-authorization",
          "te",
          "trailer",
          "upgrade");

  /// Fields that a client must not list in Connection, which would drop them.
  private static final Set<String> NEVER_DROPPED =
      Set.of("host", "content-length", "transfer-encoding");

  public record Field(String name, String value) {
    public String lowerCase() {
      return name.toLowerCase(Locale.ROOT);
    }
  }

  /// Parses the fields.
  ///
  /// @param lines without their line ends
  public static HttpFields parse(List<String> lines) throws HttpException {
    if (lines.size() > MOST) {
      throw new HttpException(431, "a header of more than %d fields".formatted(MOST));
    }
    var fields = new ArrayList<Field>();
    for (var line : lines) {
      var matcher = LINE.matcher(line);
      if (!matcher.matches() || matcher.group(2).chars().anyMatch(HttpFields::isControl)) {
        throw new HttpException(400, "not a field of a header: " + HostName.printable(line));
      }
      fields.add(new Field(matcher.group(1), matcher.group(2)));
    }
    var header = new HttpFields(List.copyOf(fields));
    for (var option : header.options()) {
      if (NEVER_DROPPED.contains(option)) {
        throw new HttpException(400, "a Connection field that lists " + option);
      }
    }
    return header;
  }

  private static boolean isControl(int c) {
    return (c < ' ' && c != '\t') || c == 0x7f;
  }

  public List<String> values(String lowerCase) {
    return fields.stream()
        .filter(field -> field.lowerCase().equals(lowerCase))
        .map(Field::value)
        .toList();
  }

  /// The options of the client's Connection fields. See RFC 9110, 7.6.1.
  private Set<String> options() {
    return values("connection").stream()
        .flatMap(value -> Stream.of(value.split(",", -1)))
        .map(option -> option.strip().toLowerCase(Locale.ROOT))
        .collect(Collectors.toSet());
  }

  /// End-to-end fields (RFC 9110, 7.6.1).
  public List<Field> endToEnd() {
    var options = options();
    return fields.stream()
        .filter(field ->
            !HOP_BY_HOP.contains(field.lowerCase()) && !options.contains(field.lowerCase()))
        .toList();
  }
}
