package dev.caisson.bench;

/// How much a benchmark does: enough for numbers that mean something, or as little as shows that it
/// works, in about a second (`bench/run --short`).
final class Scale {
  private static final boolean SHORT = Boolean.getBoolean("caisson.bench.short");

  private Scale() {}

  /// One of two amounts.
  ///
  /// @param usual that of a benchmark whose numbers are read
  /// @param little that of one that is only tried
  static int of(int usual, int little) {
    return SHORT ? little : usual;
  }
}
