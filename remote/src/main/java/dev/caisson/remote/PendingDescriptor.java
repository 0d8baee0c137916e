package dev.caisson.remote;

/// A call of a batch that opens a descriptor; later calls of the batch may use the descriptor
/// before it is open.
final class PendingDescriptor {
  private final Object batch;
  private int place = -1;
  private long number;
  private boolean made;

  /// @param batch the identity of the batch
  PendingDescriptor(Object batch) {
    this.batch = batch;
  }

  /// Whether the call belongs to a batch.
  boolean isOf(Object other) {
    return batch.equals(other);
  }

  /// Sets the index of the call among the requests that are sent together.
  void place(int index) {
    place = index;
  }

  int place() {
    return place;
  }

  /// Records the result.
  void made(long result) {
    number = result;
    made = true;
  }

  boolean isMade() {
    return made;
  }

  long number() {
    return number;
  }
}
