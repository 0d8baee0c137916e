package dev.caisson.linux;

import java.io.IOException;
import java.time.Duration;

/// An operation has timed out.
///
/// The message says what the caller waited for, and how long.
public final class DeadlineException extends IOException {
  private static final long serialVersionUID = 1;

  /// @param allowed the timeout
  /// @param awaited the end of the sentence "waited 5 s for ..."
  public DeadlineException(Duration allowed, String awaited) {
    super("waited %s s for %s".formatted(seconds(allowed), awaited));
  }

  private static String seconds(Duration duration) {
    return java.math.BigDecimal.valueOf(duration.toMillis(), 3)
        .stripTrailingZeros()
        .toPlainString();
  }
}
