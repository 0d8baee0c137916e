package dev.caisson.remote;

import java.time.Duration;

/// Waits for threads of this library.
final class Threads {
  private Threads() {}

  /// Waits for the end of a thread, whether this one is interrupted or not; the interrupt stays
  /// set.
  ///
  /// @return whether it has ended
  static boolean join(Thread thread, Duration most) {
    boolean interrupted = false;
    long until = System.nanoTime() + most.toNanos();
    try {
      while (true) {
        try {
          return thread.join(Duration.ofNanos(Math.max(0, until - System.nanoTime())));
        } catch (InterruptedException interrupt) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
