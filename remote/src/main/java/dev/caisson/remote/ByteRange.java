package dev.caisson.remote;

/// A part of memory.
///
/// @param from where it begins, in bytes
/// @param to where it ends
record ByteRange(long from, long to) {
  static final ByteRange NONE = new ByteRange(0, 0);

  long size() {
    return to - from;
  }

  boolean isEmpty() {
    return size() == 0;
  }

  /// With another part, and what is in between.
  ByteRange and(ByteRange other) {
    if (isEmpty()) {
      return other;
    }
    return other.isEmpty()
        ? this
        : new ByteRange(Math.min(from, other.from), Math.max(to, other.to));
  }
}
