package dev.caisson.service;

import java.time.Duration;
import java.util.Objects;

/// Whether a service that has ended unasked is started again.
///
/// A call that was under way fails all the same: whether it may be repeated, the caller alone
/// knows.
///
/// Immutable, and so safe for many threads.
///
/// @param times how often within that time; 0 for never
/// @param within how long a time
public record Restart(int times, Duration within) {
  /// It is not, and calls to it fail from then on.
  public static final Restart NEVER = new Restart(0, Duration.ZERO);

  /// It is, unless it ends more often than so many times in such a time: then it cannot work.
  public static Restart atMost(int times, Duration within) {
    return new Restart(times, within);
  }

  /// @throws IllegalArgumentException if either is negative
  public Restart {
    Objects.requireNonNull(within, "within");
    if (times < 0 || within.isNegative()) {
      throw new IllegalArgumentException("how often a service restarts cannot be negative");
    }
  }
}
