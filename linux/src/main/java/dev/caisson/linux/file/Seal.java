package dev.caisson.linux.file;

import dev.caisson.linux.Flag;

/// What is forbidden for ever to a memfd. See `fcntl(2)`, F_ADD_SEALS.
public enum Seal implements Flag {
  /// More seals.
  SEAL(0x1),
  /// Getting shorter.
  SHRINK(0x2),
  /// Getting longer.
  GROW(0x4),
  /// Changing its bytes.
  WRITE(0x8);

  private final int bit;

  Seal(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
