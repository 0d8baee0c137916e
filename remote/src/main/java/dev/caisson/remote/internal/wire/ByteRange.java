package dev.caisson.remote.internal.wire;

/// A part of memory.
///
/// @param from where it begins, in bytes
/// @param to where it ends
public record ByteRange(long from, long to) {
  public static final ByteRange NONE = new ByteRange(0, 0);

  public long size() {
    return to - from;
  }

  public boolean isEmpty() {
    return size() == 0;
  }

  /// With another part, and what is in between.
  public ByteRange and(ByteRange other) {
    if (isEmpty()) {
      return other;
    }
    return other.isEmpty()
        ? this
        : new ByteRange(Math.min(from, other.from), Math.max(to, other.to));
  }
}
