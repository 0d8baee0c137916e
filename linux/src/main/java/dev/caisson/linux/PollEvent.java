package dev.caisson.linux;

/// What can be awaited of a descriptor. See `poll(2)`.
public enum PollEvent implements Flag {
  /// There is something to read, or the end of the file, or a connection to accept.
  IN(0x1),
  /// Writing would not block.
  OUT(0x4),
  /// An error is pending, or the other end of a pipe is closed for reading.
  ERR(0x8),
  /// The other end is closed.
  HUP(0x10),
  /// The other end has shut down its writing.
  RDHUP(0x2000);

  private final int bit;

  PollEvent(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
