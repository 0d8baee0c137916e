package dev.caisson.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/// Durations of one thing, measured several times.
final class Series {
  private final String name;
  private final List<Double> millis = new ArrayList<>();

  Series(String name) {
    this.name = name;
  }

  /// Something to be timed.
  @FunctionalInterface
  interface Work {
    void run() throws Exception;
  }

  /// Does it once and notes how long a part of it took.
  ///
  /// @param parts how many equal parts it has
  void time(int parts, Work work) throws Exception {
    long start = System.nanoTime();
    work.run();
    millis.add((System.nanoTime() - start) / 1e6 / parts);
  }

  /// Notes a duration that was measured elsewhere, in nanoseconds.
  void add(long nanos) {
    millis.add(nanos / 1e6);
  }

  double median() {
    var sorted = new ArrayList<>(millis);
    Collections.sort(sorted);
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  /// A line of a table: name, median, range, and how often the floor's median goes into it.
  void print(Series floor) {
    boolean micro = floor.median() < 1;
    double scale = micro ? 1000 : 1;
    System.out.printf(
        Locale.ROOT,
        "%-52s %8.2f %s   (%.2f to %.2f)   %5.2f x%n",
        name,
        median() * scale,
        micro ? "us" : "ms",
        Collections.min(millis) * scale,
        Collections.max(millis) * scale,
        median() / floor.median());
  }
}
