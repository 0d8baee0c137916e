package dev.caisson.linux.threads;

import java.io.IOException;
import java.io.InterruptedIOException;

/// Keeps interrupts of a thread away from work that must be done to its end, and gives them back.
///
/// For one thread.
public final class Interrupts {
  private boolean come;

  /// Creates one that holds no interrupt.
  public Interrupts() {}

  /// Clears the interrupt of the thread, if there is one, and remembers it.
  public void hold() {
    come |= Thread.interrupted();
  }

  /// Work that ends by interrupt, and can then be begun again.
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

  /// Does it, from the start again each time that it is interrupted.
  public <T> T through(Work<T> work) throws IOException {
    while (true) {
      try {
        return work.run();
      } catch (InterruptedIOException interrupt) {
        hold();
      }
    }
  }

  /// Does it, from the start again each time that it is interrupted.
  public void through(Step step) throws IOException {
    through(() -> {
      step.run();
      return this;
    });
  }

  /// Interrupts the thread if an interrupt was held.
  public void giveBack() {
    if (come) {
      Thread.currentThread().interrupt();
    }
  }
}
