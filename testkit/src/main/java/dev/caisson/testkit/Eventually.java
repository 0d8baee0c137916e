package dev.caisson.testkit;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/// Polls a condition for which there is no event to wait for, for two minutes at most.
public final class Eventually {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private Eventually() {}

  /// A condition; evaluating it may fail.
  @FunctionalInterface
  public interface Condition {
    /// Whether it holds now.
    boolean holds() throws Exception;
  }

  /// Waits until a condition holds.
  ///
  /// @throws AssertionError if it does not hold in time, or cannot be evaluated
  public static void holds(Condition condition) {
    holds(condition, () -> "the condition");
  }

  /// Waits until a condition holds.
  ///
  /// @param state describes the state at the end, for the message of a failure
  /// @throws AssertionError if it does not hold in time, or cannot be evaluated
  public static void holds(Condition condition, Supplier<?> state) {
    long until = System.nanoTime() + PATIENCE.toNanos();
    while (!evaluate(condition)) {
      if (System.nanoTime() - until > 0) {
        throw new AssertionError(
            "did not hold within %d s: %s".formatted(PATIENCE.toSeconds(), state.get()));
      }
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  private static boolean evaluate(Condition condition) {
    try {
      return condition.holds();
    } catch (RuntimeException | Error failure) {
      throw failure;
    } catch (Exception failure) {
      throw new AssertionError("the condition cannot be evaluated", failure);
    }
  }
}
