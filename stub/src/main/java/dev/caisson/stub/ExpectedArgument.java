package dev.caisson.stub;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.process.ShellWords;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// An expected argument of an invocation, or the expected standard input. A pattern must match the
/// whole of it.
///
/// Patterns match the text of an argument in UTF-8, in which U+FFFD stands for other bytes.
///
/// Immutable, as long as the caller does not change the arrays.
public sealed interface ExpectedArgument {
  /// These bytes.
  final class Exact implements ExpectedArgument {
    private final byte[] bytes;

    /// @param bytes not copied
    public Exact(byte[] bytes) {
      this.bytes = bytes;
    }

    @Override
    public boolean matches(byte[] argument) {
      return Arrays.equals(bytes, argument);
    }

    /// Whether the bytes are equal.
    @Override
    public boolean equals(Object other) {
      return other instanceof Exact exact && Arrays.equals(bytes, exact.bytes);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
      return PathBytes.decode(bytes);
    }
  }

  /// A pattern of a shell: `*`, `?`, `[...]`, and a backslash before a character that stands for
  /// itself. Unlike in a path, `*` also matches `/`. See `glob(7)`.
  record Glob(String pattern) implements ExpectedArgument {
    private static final Set<String> CLASSES =
        Set.of(
            "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
            "space", "upper", "xdigit");

    /// @throws PatternSyntaxException if a bracket is not closed, or has an unknown class
    public Glob {
      regex(pattern);
    }

    @Override
    public boolean matches(byte[] argument) {
      return regex(pattern).matcher(text(argument)).matches();
    }

    /// Each part between two stars takes the first place where it matches, so the match never goes
    /// back behind it: the time is linear in the number of stars.
    private static Pattern regex(String pattern) {
      var parts = new ArrayList<String>();
      var part = new StringBuilder();
      for (int i = 0; i < pattern.length(); i++) {
        char c = pattern.charAt(i);
        switch (c) {
          case '*' -> {
            parts.add(part.toString());
            part.setLength(0);
          }
          case '?' -> part.append('.');
          case '[' -> i = bracket(pattern, i, part);
          case '\\' -> {
            i = Math.min(i + 1, pattern.length() - 1);
            part.append(Pattern.quote(pattern.substring(i, i + 1)));
          }
          default -> part.append(Pattern.quote(pattern.substring(i, i + 1)));
        }
      }
      var regex = new StringBuilder(parts.isEmpty() ? part : parts.getFirst());
      for (int i = 1; i < parts.size(); i++) {
        regex.append("(?>.*?").append(parts.get(i)).append(')');
      }
      if (!parts.isEmpty()) {
        regex.append(".*").append(part);
      }
      return Pattern.compile(regex.toString(), Pattern.DOTALL);
    }

    /// Appends the bracket expression that begins at an index, and returns the index of its end.
    private static int bracket(String pattern, int begin, StringBuilder regex) {
      int at = begin + 1;
      regex.append('[');
      if (at < pattern.length() && "!^".indexOf(pattern.charAt(at)) >= 0) {
        regex.append('^');
        at++;
      }
      // A closing bracket at the start stands for itself.
      for (int first = at; at < pattern.length(); at++) {
        char c = pattern.charAt(at);
        if (c == ']' && at > first) {
          regex.append(']');
          return at;
        }
        int end = c == '[' ? pattern.indexOf(":]", at + 2) : -1;
        if (end > 0 && pattern.charAt(at + 1) == ':') {
          regex.append(characterClass(pattern, pattern.substring(at + 2, end), begin));
          at = end + 1;
          continue;
        }
        if ("[]\\^&".indexOf(c) >= 0) {
          regex.append('\\');
        }
        regex.append(c);
      }
      throw new PatternSyntaxException("a bracket is not closed", pattern, begin);
    }

    private static String characterClass(String pattern, String name, int begin) {
      if (!CLASSES.contains(name)) {
        throw new PatternSyntaxException("unknown class [:" + name + ":]", pattern, begin);
      }
      var upper =
          name.equals("xdigit")
              ? "XDigit"
              : name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1);
      return "\\p{" + upper + "}";
    }

    @Override
    public String toString() {
      return "{glob " + pattern + "}";
    }
  }

  /// A regular expression. See [Pattern].
  record Regex(String pattern) implements ExpectedArgument {
    /// @throws PatternSyntaxException if it is not one
    public Regex {
      Pattern.compile(pattern);
    }

    @Override
    public boolean matches(byte[] argument) {
      return Pattern.compile(pattern).matcher(text(argument)).matches();
    }

    @Override
    public String toString() {
      return "{regex " + pattern + "}";
    }
  }

  /// Any one argument.
  record Any() implements ExpectedArgument {
    @Override
    public boolean matches(byte[] argument) {
      return true;
    }

    @Override
    public String toString() {
      return "{any}";
    }
  }

  /// Any number of arguments, also none.
  record Rest() implements ExpectedArgument {
    @Override
    public boolean matches(byte[] argument) {
      return true;
    }

    @Override
    public String toString() {
      return "...";
    }
  }

  /// Whether one argument is as expected.
  boolean matches(byte[] argument);

  /// The argument of a text.
  static ExpectedArgument exact(String text) {
    return new Exact(PathBytes.encode(text));
  }

  /// Whether all arguments are as expected.
  static boolean matches(List<ExpectedArgument> expected, List<byte[]> arguments) {
    int at = 0;
    int rest = -1;
    int retry = 0;
    for (int i = 0; i < arguments.size(); ) {
      if (at < expected.size() && expected.get(at) instanceof Rest) {
        rest = at++;
        retry = i;
      } else if (at < expected.size() && expected.get(at).matches(arguments.get(i))) {
        at++;
        i++;
      } else if (rest >= 0) {
        // The last "any number" takes one argument more.
        at = rest + 1;
        i = ++retry;
      } else {
        return false;
      }
    }
    while (at < expected.size() && expected.get(at) instanceof Rest) {
      at++;
    }
    return at == expected.size();
  }

  private static String text(byte[] argument) {
    return new String(argument, StandardCharsets.UTF_8);
  }

  /// As a word for a message.
  ///
  /// @param most the greatest number of bytes to show
  default String shown(int most) {
    return switch (this) {
      case Exact exact -> shown(exact.bytes, most);
      case Glob(var pattern) -> "{glob " + ShellWords.quote(pattern) + "}";
      case Regex(var pattern) -> "{regex " + ShellWords.quote(pattern) + "}";
      case Any any -> any.toString();
      case Rest more -> more.toString();
    };
  }

  private static String shown(byte[] word, int most) {
    boolean cut = word.length > most;
    var end = cut ? "... (%d bytes)".formatted(word.length) : "";
    return ShellWords.quote(cut ? Arrays.copyOf(word, most) : word) + end;
  }
}
