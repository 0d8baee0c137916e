package dev.caisson.remote.uapi;

/// Which direction of a connection ends. See `shutdown(2)`.
public enum ShutdownHow {
  /// No more data is received.
  RD(0),
  /// No more data is sent.
  WR(1),
  /// No more data is received or sent.
  RDWR(2);

  private final int number;

  ShutdownHow(int number) {
    this.number = number;
  }

  /// The number in the kernel's headers.
  public int number() {
    return number;
  }
}
