package dev.caisson.sandbox.cgroup;

import java.io.InterruptedIOException;
import java.time.Duration;

/// The time between one look and the next, where the kernel tells of no event: short at first,
/// longer each time.
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
