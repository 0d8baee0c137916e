package dev.caisson.remote;

/// A call of a batch that opens a descriptor, which others of the batch use before it is there.
final class PendingDescriptor {
  private final Object batch;
  private int place = -1;
  private long number;
  private boolean made;

  /// @param batch the identity of the batch
  PendingDescriptor(Object batch) {
    this.batch = batch;
  }

  /// Whether it is a call of that batch.
  boolean isOf(Object other) {
    return batch.equals(other);
  }

  /// Says where among the requests that go together it is.
  void place(int index) {
    place = index;
  }

  int place() {
    return place;
  }

  /// Says what came of it.
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
