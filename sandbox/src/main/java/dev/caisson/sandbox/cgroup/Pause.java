package dev.caisson.sandbox.cgroup;

import java.io.InterruptedIOException;
import java.time.Duration;

/// The time between two polls of the kernel, which reports no event here. It starts at 50
/// microseconds and doubles up to 5 milliseconds.
final class Pause {
  private static final Duration LONGEST = Duration.ofMillis(5);

  private Duration next = Duration.ofNanos(50_000);

  void next() throws InterruptedIOException {
    try {
      Thread.sleep(next);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for a cgroup");
    }
    var twice = next.multipliedBy(2);
    next = twice.compareTo(LONGEST) < 0 ? twice : LONGEST;
  }
}
