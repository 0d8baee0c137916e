package dev.caisson.fuzz;

import dev.caisson.ipc.Limits;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;

/// A second implementation of JSON (RFC 8259): checks that a text is one value, without duplicate
/// keys, without numbers beyond a double, and within the limits.
final class Grammar {
  /// The verdict on a text.
  enum Verdict {
    VALUE,
    NONE,
    /// A number is about as long as the limit. Which characters count for its length is up to the
    /// parser.
    UNDECIDED
  }

  /// The text is not a value.
  private static final class NoValueException extends RuntimeException {
    private static final long serialVersionUID = 1;

    NoValueException() {
      super(null, null, false, false);
    }
  }

  private final String text;
  private final Limits limits;
  private int at;
  private boolean longNumber;

  private Grammar(String text, Limits limits) {
    this.text = text;
    this.limits = limits;
  }

  static Verdict of(byte[] text, Limits limits) {
    var decoded = new String(text, StandardCharsets.UTF_8);
    if (!Arrays.equals(decoded.getBytes(StandardCharsets.UTF_8), text)) {
      return Verdict.NONE;
    }
    var grammar = new Grammar(decoded, limits);
    try {
      grammar.value(0);
      grammar.space();
      if (grammar.at < decoded.length()) {
        return Verdict.NONE;
      }
    } catch (NoValueException none) {
      return Verdict.NONE;
    }
    return grammar.longNumber ? Verdict.UNDECIDED : Verdict.VALUE;
  }

  private void value(int depth) {
    space();
    switch (peek()) {
      case '{' -> object(depth + 1);
      case '[' -> array(depth + 1);
      case '"' -> string();
      case 't' -> word("true");
      case 'f' -> word("false");
      case 'n' -> word("null");
      default -> number();
    }
  }

  private void object(int depth) {
    require(depth <= limits.depth());
    at++;
    space();
    if (taken('}')) {
      return;
    }
    var keys = new HashSet<String>();
    do {
      space();
      require(keys.add(name()));
      space();
      require(taken(':'));
      value(depth);
      space();
    } while (taken(','));
    require(taken('}'));
  }

  private void array(int depth) {
    require(depth <= limits.depth());
    at++;
    space();
    if (taken(']')) {
      return;
    }
    do {
      value(depth);
      space();
    } while (taken(','));
    require(taken(']'));
  }

  /// Reads a name. As the real parser does, it refuses an unpaired surrogate, which only an escape
  /// can produce, in a name, but accepts it in a string.
  private String name() {
    var name = string();
    require(StandardCharsets.UTF_16BE.newEncoder().canEncode(name));
    return name;
  }

  private String string() {
    require(taken('"'));
    var content = new StringBuilder();
    while (!taken('"')) {
      char next = next();
      require(next >= ' ');
      content.append(next == '\\' ? escape() : next);
    }
    return content.toString();
  }

  private char escape() {
    char kind = next();
    return switch (kind) {
      case '"', '\\', '/' -> kind;
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'u' -> {
        int unit = 0;
        for (int i = 0; i < 4; i++) {
          int digit = "0123456789abcdef".indexOf(lower(next()));
          require(digit >= 0);
          unit = unit << 4 | digit;
        }
        yield (char) unit;
      }
      default -> throw new NoValueException();
    };
  }

  private static char lower(char letter) {
    return letter >= 'A' && letter <= 'F' ? (char) (letter + ('a' - 'A')) : letter;
  }

  private void number() {
    int start = at;
    taken('-');
    if (!taken('0')) {
      digits();
    }
    boolean fraction = taken('.');
    if (fraction) {
      digits();
    }
    boolean exponent = taken('e') || taken('E');
    if (exponent) {
      if (!taken('+')) {
        taken('-');
      }
      digits();
    }
    var number = text.substring(start, at);
    longNumber |= number.length() >= limits.numberLength() - 4;
    require(!(fraction || exponent) || Double.isFinite(Double.parseDouble(number)));
  }

  private void digits() {
    int start = at;
    while (peek() >= '0' && peek() <= '9') {
      at++;
    }
    require(at > start);
  }

  private void word(String word) {
    require(text.startsWith(word, at));
    at += word.length();
  }

  private void space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
      at++;
    }
  }

  private boolean taken(char wanted) {
    boolean there = at < text.length() && text.charAt(at) == wanted;
    at += there ? 1 : 0;
    return there;
  }

  /// The next character. At the end a NUL, which is not allowed anywhere.
  private char peek() {
    return at < text.length() ? text.charAt(at) : 0;
  }

  private char next() {
    require(at < text.length());
    return text.charAt(at++);
  }

  private static void require(boolean met) {
    if (!met) {
      throw new NoValueException();
    }
  }
}
