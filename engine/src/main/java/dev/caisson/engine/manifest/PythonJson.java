package dev.caisson.engine.manifest;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Comparator;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/// Writes JSON text exactly as Python's `json.dumps` does. osbuild's ids are hashes of such text.
final class PythonJson {
  /// Python sorts keys by code points, Java's strings by UTF-16 units.
  private static final Comparator<String> BY_CODE_POINTS =
      (a, b) -> java.util.Arrays.compare(a.codePoints().toArray(), b.codePoints().toArray());

  private PythonJson() {}

  /// Writes a value as `json.dumps(value, sort_keys=True)` does.
  static String sorted(JsonNode value) {
    var text = new StringBuilder();
    write(value, text);
    return text.toString();
  }

  private static void write(JsonNode value, StringBuilder text) {
    switch (value.getNodeType()) {
      case OBJECT ->
          text.append(
              value.properties().stream()
                  .sorted(java.util.Map.Entry.comparingByKey(BY_CODE_POINTS))
                  .map(entry -> quoted(entry.getKey()) + ": " + sorted(entry.getValue()))
                  .collect(Collectors.joining(", ", "{", "}")));
      case ARRAY ->
          text.append(
              value
                  .valueStream()
                  .map(PythonJson::sorted)
                  .collect(Collectors.joining(", ", "[", "]")));
      case STRING -> text.append(quoted(value.stringValue()));
      case NUMBER ->
          text.append(value.isFloatingPointNumber() ? real(value.doubleValue()) : value.asString());
      case BOOLEAN -> text.append(value.booleanValue());
      case NULL -> text.append("null");
      case BINARY, MISSING, POJO ->
          throw new IllegalArgumentException("not JSON: " + value.getNodeType());
    }
  }

  static String quoted(String string) {
    var text = new StringBuilder("\"");
    for (int i = 0; i < string.length(); i++) {
      char c = string.charAt(i);
      switch (c) {
        case '"' -> text.append("\\\"");
        case '\\' -> text.append("\\\\");
        case '\n' -> text.append("\\n");
        case '\r' -> text.append("\\r");
        case '\t' -> text.append("\\t");
        case '\b' -> text.append("\\b");
        case '\f' -> text.append("\\f");
        default -> {
          if (c < ' ' || c > '~') {
            text.append("\\u%04x".formatted((int) c));
          } else {
            text.append(c);
          }
        }
      }
    }
    return text.append('"').toString();
  }

  /// Writes a number as `float.__repr__` does: the shortest digits that identify it, with an
  /// exponent below 1e-4 and from 1e16.
  private static String real(double value) {
    if (value == 0) {
      return 1 / value < 0 ? "-0.0" : "0.0";
    }
    var shortest = shortest(value);
    int exponent = shortest.precision() - shortest.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      var plain = shortest.toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    var digits = shortest.unscaledValue().abs().toString();
    var fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
    return "%s%s%se%s%02d"
        .formatted(
            value < 0 ? "-" : "",
            digits.charAt(0),
            fraction,
            exponent < 0 ? "-" : "+",
            Math.abs(exponent));
  }

  /// The shortest digits of a number. Java writes at least two digits, even if one is enough:
  /// 4.9E-324 for 5e-324.
  private static BigDecimal shortest(double value) {
    var written = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    if (written.precision() == 2) {
      var one = written.round(new MathContext(1, RoundingMode.HALF_EVEN));
      if (one.doubleValue() == value) {
        return one.stripTrailingZeros();
      }
    }
    return written;
  }
}
