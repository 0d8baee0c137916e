package dev.caisson.linux;

import java.util.Locale;

/// A number of bytes: a limit of memory, output or disk space.
///
/// `ByteSize.gib(5)` cannot overflow an `int`, as `5 << 30` does. Immutable.
///
/// @param bytes never negative
public record ByteSize(long bytes) implements Comparable<ByteSize> {
  private static final String[] UNITS = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  private static final int STEP = 10;

  /// Zero bytes.
  public static final ByteSize ZERO = new ByteSize(0);

  /// @throws IllegalArgumentException if the number is negative
  public ByteSize {
    if (bytes < 0) {
      throw new IllegalArgumentException("a size cannot be negative: " + bytes + " bytes");
    }
  }

  /// Creates a size of this many bytes.
  ///
  /// @throws IllegalArgumentException if the number is negative
  public static ByteSize bytes(long count) {
    return new ByteSize(count);
  }

  /// Creates a size of this many kibibytes, of 1,024 bytes each.
  ///
  /// @throws IllegalArgumentException if the number is negative, or too large for a `long` of bytes
  public static ByteSize kib(long count) {
    return of(count, 1);
  }

  /// Creates a size of this many mebibytes, of 1,024 KiB each.
  ///
  /// @throws IllegalArgumentException if the number is negative, or too large for a `long` of bytes
  public static ByteSize mib(long count) {
    return of(count, 2);
  }

  /// Creates a size of this many gibibytes, of 1,024 MiB each.
  ///
  /// @throws IllegalArgumentException if the number is negative, or too large for a `long` of bytes
  public static ByteSize gib(long count) {
    return of(count, 3);
  }

  private static ByteSize of(long count, int power) {
    if (count < 0) {
      throw new IllegalArgumentException(
          "a size cannot be negative: %d %s".formatted(count, UNITS[power - 1]));
    }
    int shift = STEP * power;
    if (count > Long.MAX_VALUE >> shift) {
      throw new IllegalArgumentException(
          "a size must be less than 8 EiB, not %d %s".formatted(count, UNITS[power - 1]));
    }
    return new ByteSize(count << shift);
  }

  @Override
  public int compareTo(ByteSize other) {
    return Long.compare(bytes, other.bytes);
  }

  /// Formats the size in the largest unit that divides it: `512 MiB`, `1537 bytes`.
  @Override
  public String toString() {
    int power = bytes == 0 ? 0 : Long.numberOfTrailingZeros(bytes) / STEP;
    return power == 0
        ? String.format(Locale.ROOT, "%d %s", bytes, bytes == 1 ? "byte" : "bytes")
        : String.format(Locale.ROOT, "%d %s", bytes >> (STEP * power), UNITS[power - 1]);
  }
}
