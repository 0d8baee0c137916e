package dev.caisson.sandbox;

/// Counts the output shown of a run: the command's output, and what the caller shows because of the
/// run, such as the decisions of a broker. The run is ended when the count reaches its output
/// limit.
///
/// An instance is for one run. Thread-safe.
public final class OutputMeter {
  private long total;
  private long limit = Long.MAX_VALUE;
  private Runnable onLimit = () -> {};

  /// Makes a meter with a count of 0.
  public OutputMeter() {}

  /// Adds a number of shown bytes.
  public void add(long bytes) {
    Runnable reached;
    synchronized (this) {
      boolean full = isFull();
      total += bytes;
      reached = !full && isFull() ? onLimit : () -> {};
    }
    reached.run();
  }

  /// Sets the limit, and the action for reaching it. Calls it at once if the limit is already
  /// reached.
  void limit(long bytes, Runnable onLimit) {
    boolean full;
    synchronized (this) {
      this.limit = bytes;
      this.onLimit = onLimit;
      full = isFull();
    }
    if (full) {
      onLimit.run();
    }
  }

  /// Whether the limit has been reached.
  public synchronized boolean isFull() {
    return total >= limit;
  }

  /// The number of bytes counted.
  synchronized long total() {
    return total;
  }
}
