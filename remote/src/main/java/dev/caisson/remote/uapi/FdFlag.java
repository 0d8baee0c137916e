package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// A property of a descriptor, not of its open file. See `fcntl(2)`, F_SETFD.
public enum FdFlag implements Flag {
  /// The descriptor is closed when another program is executed.
  CLOEXEC(0x1);

  private final int bit;

  FdFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
