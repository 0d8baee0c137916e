package dev.caisson.linux.process;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Words of a command line as a shell takes them: what is printed can be pasted. Safe for many
/// threads.
public final class ShellWords {
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_@%+=:,./-]+");

  private ShellWords() {}

  /// A command line as a POSIX shell takes it.
  public static String quote(List<String> words) {
    return words.stream().map(ShellWords::quote).collect(Collectors.joining(" "));
  }

  /// A word as a POSIX shell takes it: between quotes if it is not plain.
  public static String quote(String word) {
    return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
  }

  /// A word as bash takes it, byte for byte: with escapes if it is not text, or has characters that
  /// control a terminal.
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

  /// The text of bytes that are UTF-8.
  private static Optional<String> utf8(byte[] bytes) {
    try {
      return Optional.of(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
    } catch (CharacterCodingException other) {
      return Optional.empty();
    }
  }
}
