package dev.caisson.sandbox;

/// Keeps conflicting runs apart.
final class Turns {
  private int running;
  private boolean alone;

  /// A running turn; closing it ends it.
  interface Turn extends AutoCloseable {
    @Override
    void close();
  }

  /// @param exclusive whether no other run may go on at the same time
  /// @throws IllegalStateException if a running run conflicts
  synchronized Turn take(boolean exclusive) {
    if (alone || (exclusive && running > 0)) {
      throw new IllegalStateException(
          "a run with a bind below /var, or below another writable bind, must be the only run of"
              + " its build root. Wait for the other runs, or use another build root");
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
