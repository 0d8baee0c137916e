package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How a range of descriptors is closed. See `close_range(2)`.
///
/// CLOSE_RANGE_UNSHARE is left out: the table of descriptors of a process cannot be unshared.
public enum CloseRangeFlag implements Flag {
  /// The descriptors become CLOEXEC, and stay open.
  CLOEXEC(0x4);

  private final int bit;

  CloseRangeFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
