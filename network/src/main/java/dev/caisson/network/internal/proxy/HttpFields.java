package dev.caisson.network.internal.proxy;

import dev.caisson.network.policy.HostName;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The fields of a request's header, read as strictly as RFC 9112 allows: two who read one header
/// differently are a hole.
///
/// @param fields in their order
public record HttpFields(List<Field> fields) {
  public static final Pattern TOKEN = Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+");

  /// A value may have any byte that is no control character (RFC 9110, 5.5): to a pattern, one of
  /// them is the end of a line (U+0085).
  private static final Pattern LINE =
      Pattern.compile("(" + TOKEN + "):[ \t]*(.*?)[ \t]*", Pattern.DOTALL);

  private static final int MOST = 200;

  /// Of the connection, not of the request. See RFC 9110, 7.6.1.
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

  /// What a client might call a field of the connection to have it dropped.
  private static final Set<String> NEVER_DROPPED =
      Set.of("host", "content-length", "transfer-encoding");

  public record Field(String name, String value) {
    public String lowerCase() {
      return name.toLowerCase(Locale.ROOT);
    }
  }

  /// Reads them.
  ///
  /// @param lines without their ends
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
        throw new HttpException(400, option + " is not of the connection");
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

  /// What the client names as being of the connection. See RFC 9110, 7.6.1.
  private Set<String> options() {
    return values("connection").stream()
        .flatMap(value -> Stream.of(value.split(",", -1)))
        .map(option -> option.strip().toLowerCase(Locale.ROOT))
        .collect(Collectors.toSet());
  }

  /// Those that are for whom the request is for.
  public List<Field> endToEnd() {
    var options = options();
    return fields.stream()
        .filter(field ->
            !HOP_BY_HOP.contains(field.lowerCase()) && !options.contains(field.lowerCase()))
        .toList();
  }
}
