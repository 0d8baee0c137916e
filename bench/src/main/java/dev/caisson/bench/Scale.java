package dev.caisson.bench;

/// The amount of work of a benchmark: enough for meaningful numbers, or, with `bench/run --short`,
/// about a second to show that it works.
final class Scale {
  private static final boolean SHORT = Boolean.getBoolean("caisson.bench.short");

  private Scale() {}

  /// Chooses one of two amounts.
  ///
  /// @param usual the amount for meaningful numbers
  /// @param little the amount with `--short`
  static int of(int usual, int little) {
    return SHORT ? little : usual;
  }
}
