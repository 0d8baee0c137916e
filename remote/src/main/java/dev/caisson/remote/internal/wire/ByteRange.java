package dev.caisson.remote.internal.wire;

/// A range of memory.
///
/// @param from its start, in bytes
/// @param to its end, exclusive
public record ByteRange(long from, long to) {
  public static final ByteRange NONE = new ByteRange(0, 0);

  public long size() {
    return to - from;
  }

  public boolean isEmpty() {
    return size() == 0;
  }

  /// The smallest range that contains this one and another.
  public ByteRange and(ByteRange other) {
    if (isEmpty()) {
      return other;
    }
    return other.isEmpty()
        ? this
        : new ByteRange(Math.min(from, other.from), Math.max(to, other.to));
  }
}
