package dev.caisson.linux;

import java.time.Duration;

/// The moment at which an operation times out, on the monotonic clock.
///
/// An operation creates it once from the caller's [Duration] and passes it down. So its steps share
/// one timeout.
///
/// @param allowed the caller's duration, at most a year, for the message of a [DeadlineException]
/// @param nanoTime the moment, as of [System#nanoTime()]
public record Deadline(Duration allowed, long nanoTime) {
  /// The longest possible wait: a year.
  public static final Duration FOREVER = Duration.ofDays(365);

  /// Creates a deadline this far from now. Longer durations count as [#FOREVER].
  ///
  /// @throws IllegalArgumentException if the duration is negative
  public static Deadline in(Duration allowed) {
    if (allowed.isNegative()) {
      throw new IllegalArgumentException("a deadline cannot lie in the past: " + allowed);
    }
    var bounded = allowed.compareTo(FOREVER) > 0 ? FOREVER : allowed;
    return new Deadline(bounded, System.nanoTime() + bounded.toNanos());
  }

  /// Creates a deadline for an unlimited wait, which is [#FOREVER].
  public static Deadline never() {
    return in(FOREVER);
  }

  /// Returns the time left; zero after the deadline.
  public Duration remaining() {
    return Duration.ofNanos(Math.max(0, nanoTime - System.nanoTime()));
  }

  /// Whether the deadline has passed.
  public boolean expired() {
    return nanoTime - System.nanoTime() <= 0;
  }

  /// Creates the exception for a missed deadline.
  ///
  /// @param awaited the end of the sentence "waited 5 s for ..."
  public DeadlineException exception(String awaited) {
    return new DeadlineException(allowed, awaited);
  }
}
