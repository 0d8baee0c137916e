package dev.caisson.trace;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;

/// An immutable array of bytes.
public final class Bytes {
  private static final int SHOWN = 48;
  private final byte[] bytes;

  private Bytes(byte[] bytes) {
    this.bytes = bytes;
  }

  /// A copy.
  static Bytes of(MemorySegment memory) {
    return new Bytes(memory.toArray(JAVA_BYTE));
  }

  /// A copy.
  public static Bytes of(byte[] bytes) {
    return new Bytes(bytes.clone());
  }

  /// A copy.
  public byte[] toArray() {
    return bytes.clone();
  }

  /// The number of bytes.
  public int size() {
    return bytes.length;
  }

  /// A read-only view of the bytes.
  MemorySegment memory() {
    return MemorySegment.ofArray(bytes).asReadOnly();
  }

  /// A copy of a range.
  Bytes slice(int from, int to) {
    return new Bytes(Arrays.copyOfRange(bytes, from, to));
  }

  /// A copy with other bytes at an offset.
  Bytes with(long at, MemorySegment others) {
    var copy = bytes.clone();
    MemorySegment.copy(others, 0, MemorySegment.ofArray(copy), at, others.byteSize());
    return new Bytes(copy);
  }

  /// The bytes as text; empty if they are not printable UTF-8.
  Optional<String> text() {
    try {
      var text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      // The NUL that ends a C string is not part of the text.
      int end = text.endsWith("\0") ? text.length() - 1 : text.length();
      boolean plain =
          text.substring(0, end).chars().allMatch(c -> c >= ' ' || c == '\n' || c == '\t');
      return Optional.of(text).filter(found -> plain);
    } catch (CharacterCodingException binary) {
      return Optional.empty();
    }
  }

  /// The first bytes between quotation marks, as in C.
  ///
  /// @param most how many bytes to show at most
  String quoted(long most) {
    int end = (int) Math.min(most, bytes.length);
    var text = new StringBuilder("\"");
    for (int i = 0; i < Math.min(end, SHOWN); i++) {
      text.append(quoted(bytes[i]));
    }
    return text.append(end > SHOWN ? "\"..." : "\"").toString();
  }

  private static String quoted(byte one) {
    return switch (one) {
      case '\n' -> "\\n";
      case '\t' -> "\\t";
      case '\r' -> "\\r";
      case '"' -> "\\\"";
      case '\\' -> "\\\\";
      default -> one >= ' ' && one < 127 ? String.valueOf((char) one) : "\\x%02x".formatted(one);
    };
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Bytes same && Arrays.equals(bytes, same.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public String toString() {
    return quoted(bytes.length);
  }
}
