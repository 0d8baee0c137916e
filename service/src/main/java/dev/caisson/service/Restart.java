package dev.caisson.service;

import java.time.Duration;
import java.util.Objects;

/// How often a service is started again after it ended without having been stopped.
///
/// The call that was pending fails in any case: only the caller knows whether it may be repeated.
///
/// Immutable, and so safe for many threads.
///
/// @param times how many restarts are allowed within that time; 0 for never
/// @param within the time over which restarts are counted
public record Restart(int times, Duration within) {
  /// The service is not restarted, and further calls to it fail.
  public static final Restart NEVER = new Restart(0, Duration.ZERO);

  /// The service is restarted, at most `times` times within the given time. A service that ends
  /// more often is taken to be broken and stays ended.
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
