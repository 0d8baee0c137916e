package dev.caisson.service;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/// Records the lines that services print.
final class Lines implements OutputListener {
  private final List<Line> lines = new ArrayList<>();

  record Line(String id, String program, String text) {}

  @Override
  public synchronized void line(String id, String program, String line) {
    lines.add(new Line(id, program, line));
    notifyAll();
  }

  /// Waits for a matching line.
  synchronized Line await(Predicate<Line> wanted) throws InterruptedException {
    long until = System.nanoTime() + Support.LONG.toNanos();
    while (true) {
      for (var line : lines) {
        if (wanted.test(line)) {
          return line;
        }
      }
      long left = (until - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        throw new AssertionError("the line never came, only " + lines);
      }
      wait(left);
    }
  }

  /// The lines of a service.
  synchronized List<String> of(String id) {
    return lines.stream().filter(line -> line.id().equals(id)).map(Line::text).toList();
  }

  synchronized List<Line> all() {
    return List.copyOf(lines);
  }
}
