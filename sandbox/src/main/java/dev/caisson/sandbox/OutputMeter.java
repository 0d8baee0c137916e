package dev.caisson.sandbox;

/// Counts what is shown of a run: what it prints, and what its caller shows because of it, such as
/// the decisions of a broker. The run is ended when that is as much as its output may be.
///
/// For one run. Thread-safe.
public final class OutputMeter {
  private long total;
  private long limit = Long.MAX_VALUE;
  private Runnable onLimit = () -> {};

  /// Nothing has been shown yet.
  public OutputMeter() {}

  /// Counts bytes that are shown.
  public void add(long bytes) {
    Runnable reached;
    synchronized (this) {
      boolean full = isFull();
      total += bytes;
      reached = !full && isFull() ? onLimit : () -> {};
    }
    reached.run();
  }

  /// Says what happens when the limit is reached, which may be the case already.
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

  /// Whether no more is to be shown.
  public synchronized boolean isFull() {
    return total >= limit;
  }

  /// How many bytes have been counted.
  synchronized long total() {
    return total;
  }
}
