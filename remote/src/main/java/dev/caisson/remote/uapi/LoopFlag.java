package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// A property of a loop device. See `loop(4)`.
public enum LoopFlag implements Flag {
  /// The device is read-only.
  READ_ONLY(0x1),
  /// The device detaches its file when it is closed for the last time.
  AUTOCLEAR(0x4),
  /// The device's partitions become devices, too.
  PARTSCAN(0x8),
  /// The device bypasses the page cache of the file.
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
