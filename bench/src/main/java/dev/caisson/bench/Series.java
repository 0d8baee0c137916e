package dev.caisson.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/// The durations of repeated measurements of one kind of work.
final class Series {
  private final String name;
  private final List<Double> millis = new ArrayList<>();

  Series(String name) {
    this.name = name;
  }

  /// Work to measure.
  @FunctionalInterface
  interface Work {
    void run() throws Exception;
  }

  /// Does the work once, and records the duration of one of its parts.
  ///
  /// @param parts the number of equal parts
  void time(int parts, Work work) throws Exception {
    long start = System.nanoTime();
    work.run();
    millis.add((System.nanoTime() - start) / 1e6 / parts);
  }

  /// Records a duration that was measured elsewhere, in nanoseconds.
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

  /// Prints a line of a table: name, median, range, and the ratio of the median to that of the
  /// floor.
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
