package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// What a loop device is like. See `loop(4)`.
public enum LoopFlag implements Flag {
  /// Nothing can be written to it.
  READ_ONLY(0x1),
  /// It lets go of the file when it is closed for the last time.
  AUTOCLEAR(0x4),
  /// Its partitions are devices, too.
  PARTSCAN(0x8),
  /// It goes round the cache of the file.
  DIRECT_IO(0x10);

  private final int bit;

  LoopFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
