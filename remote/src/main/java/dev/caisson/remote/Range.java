package dev.caisson.remote;

/// A part of memory.
///
/// @param from where it begins, in bytes
/// @param to where it ends
record Range(long from, long to) {
  static final Range NONE = new Range(0, 0);

  long size() {
    return to - from;
  }

  boolean isEmpty() {
    return size() == 0;
  }

  /// With another part, and what is in between.
  Range and(Range other) {
    if (isEmpty()) {
      return other;
    }
    return other.isEmpty() ? this : new Range(Math.min(from, other.from), Math.max(to, other.to));
  }
}
