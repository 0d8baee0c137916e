package dev.caisson.remote;

/// A call of a batch that opens a descriptor, which others of the batch use before it is there.
final class Opening {
  private final Batch batch;
  private int place = -1;
  private long number;
  private boolean made;

  Opening(Batch batch) {
    this.batch = batch;
  }

  Batch batch() {
    return batch;
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
