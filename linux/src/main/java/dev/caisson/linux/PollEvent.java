package dev.caisson.linux;

/// An event of a descriptor. See `poll(2)`.
public enum PollEvent implements Flag {
  /// A read or accept would not block: input, end of file or a pending connection.
  IN(0x1),
  /// A write would not block.
  OUT(0x4),
  /// An error is pending, or the other end of a pipe is closed for reading.
  ERR(0x8),
  /// The peer has closed its end.
  HUP(0x10),
  /// The peer has shut down its writing side.
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
