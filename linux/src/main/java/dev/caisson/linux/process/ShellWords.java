package dev.caisson.linux.process;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Quotes the words of a command line for a shell, so that a printed command can be pasted. Safe
/// for many threads.
public final class ShellWords {
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_@%+=:,./-]+");

  private ShellWords() {}

  /// Quotes a command line for a POSIX shell.
  public static String quote(List<String> words) {
    return words.stream().map(ShellWords::quote).collect(Collectors.joining(" "));
  }

  /// Quotes a word for a POSIX shell. A plain word stays as it is.
  public static String quote(String word) {
    return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
  }

  /// Quotes the bytes of a word for bash: with escapes if they are not UTF-8, or include control
  /// characters.
  public static String quote(byte[] word) {
    var text = utf8(word);
    if (text.isPresent() && text.get().chars().noneMatch(Character::isISOControl)) {
      return quote(text.get());
    }
    var escaped = new StringBuilder("$'");
    for (byte signed : word) {
      int b = signed & 0xff;
      switch (b) {
        case '\n' -> escaped.append("\\n");
        case '\t' -> escaped.append("\\t");
        case '\'', '\\' -> escaped.append('\\').append((char) b);
        default ->
            escaped.append(b < 32 || b > 126 ? "\\x%02x".formatted(b) : String.valueOf((char) b));
      }
    }
    return escaped.append('\'').toString();
  }

  /// Decodes UTF-8; empty if the bytes are not UTF-8.
  private static Optional<String> utf8(byte[] bytes) {
    try {
      return Optional.of(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
    } catch (CharacterCodingException other) {
      return Optional.empty();
    }
  }
}
