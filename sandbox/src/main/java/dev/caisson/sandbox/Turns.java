package dev.caisson.sandbox;

/// Keeps runs apart that could harm each other.
final class Turns {
  private int running;
  private boolean alone;

  /// The time of one run.
  interface Turn extends AutoCloseable {
    @Override
    void close();
  }

  /// @param exclusive whether no other may go on at the same time
  /// @throws IllegalStateException if another does
  synchronized Turn take(boolean exclusive) {
    if (alone || (exclusive && running > 0)) {
      throw new IllegalStateException(
          "a run with a target below /var, or below a bind that it can write to, must be the only"
              + " one of its build root while it goes on; take another build root");
    }
    alone = exclusive;
    running++;
    return this::giveBack;
  }

  private synchronized void giveBack() {
    running--;
    alone = false;
  }
}
