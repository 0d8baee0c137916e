package dev.caisson.linux;

import java.time.Duration;

/// A moment by which something must have happened, on the monotonic clock.
///
/// Made once from the caller's [Duration] and handed down, so that the steps of an operation share
/// its time instead of each having all of it.
///
/// @param allowed what the caller gave, a year at most, for the message of a [DeadlineException]
/// @param nanoTime the moment, as of [System#nanoTime()]
public record Deadline(Duration allowed, long nanoTime) {
  /// As long as anything is waited for: a year.
  public static final Duration FOREVER = Duration.ofDays(365);

  /// The moment that lies so far ahead from now; a year at most.
  ///
  /// @throws IllegalArgumentException if the duration is negative
  public static Deadline in(Duration allowed) {
    if (allowed.isNegative()) {
      throw new IllegalArgumentException("a deadline cannot lie in the past: " + allowed);
    }
    var bounded = allowed.compareTo(FOREVER) > 0 ? FOREVER : allowed;
    return new Deadline(bounded, System.nanoTime() + bounded.toNanos());
  }

  /// The moment of those who wait until something happens, however long that takes.
  public static Deadline never() {
    return in(FOREVER);
  }

  /// What is left of it; zero when it has passed.
  public Duration remaining() {
    return Duration.ofNanos(Math.max(0, nanoTime - System.nanoTime()));
  }

  /// Whether it has passed.
  public boolean expired() {
    return nanoTime - System.nanoTime() <= 0;
  }

  /// The exception that says so.
  public DeadlineException exception(String awaited) {
    return new DeadlineException(allowed, awaited);
  }
}
