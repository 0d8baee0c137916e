package dev.caisson.linux.threads;

import java.io.IOException;
import java.io.InterruptedIOException;

/// Holds back the interrupts of a thread during work that must finish, and restores them after it.
///
/// Used by a single thread.
public final class Interrupts {
  private boolean come;

  /// Creates an object that holds no interrupt.
  public Interrupts() {}

  /// Clears the interrupt of the thread and remembers it. No-op if the thread is not interrupted.
  public void hold() {
    come |= Thread.interrupted();
  }

  /// Work that an interrupt ends, and that can then start again.
  @FunctionalInterface
  public interface Work<T> {
    /// Does the work.
    T run() throws IOException;
  }

  /// Work without a result.
  @FunctionalInterface
  public interface Step {
    /// Does the work.
    void run() throws IOException;
  }

  /// Runs the work, and starts it again after each interrupt.
  public <T> T through(Work<T> work) throws IOException {
    while (true) {
      try {
        return work.run();
      } catch (InterruptedIOException interrupt) {
        hold();
      }
    }
  }

  /// Runs the work, and starts it again after each interrupt.
  public void through(Step step) throws IOException {
    through(() -> {
      step.run();
      return this;
    });
  }

  /// Interrupts the thread if an interrupt was held back.
  public void giveBack() {
    if (come) {
      Thread.currentThread().interrupt();
    }
  }
}
