package dev.caisson.sandbox;

import java.io.IOException;
import java.io.InterruptedIOException;

/// Keeps interrupts of a thread away from work that must be done to its end, and gives them back.
final class Interrupts {
  private boolean come;

  /// Takes one that has come.
  void hold() {
    come |= Thread.interrupted();
  }

  /// Work that ends by interrupt, and can then be begun again.
  @FunctionalInterface
  interface Work<T> {
    T run() throws IOException;
  }

  /// Work without a result.
  @FunctionalInterface
  interface Step {
    void run() throws IOException;
  }

  /// Does it, from the start again if it is interrupted.
  <T> T through(Work<T> work) throws IOException {
    while (true) {
      try {
        return work.run();
      } catch (InterruptedIOException interrupt) {
        hold();
      }
    }
  }

  /// Does it, from the start again if it is interrupted.
  void through(Step step) throws IOException {
    through(() -> {
      step.run();
      return this;
    });
  }

  /// Interrupts the thread if it was to be.
  void giveBack() {
    if (come) {
      Thread.currentThread().interrupt();
    }
  }
}
