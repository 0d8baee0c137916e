package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How the space of a file is changed. See `fallocate(2)`; the empty set allocates space.
public enum FallocateMode implements Flag {
  /// The size of the file stays.
  KEEP_SIZE(0x1),
  /// The range becomes a hole; needs [#KEEP_SIZE].
  PUNCH_HOLE(0x2),
  /// The range is removed, and what follows moves down.
  COLLAPSE_RANGE(0x8),
  /// The range becomes zeros.
  ZERO_RANGE(0x10),
  /// A hole is inserted, and what follows moves up.
  INSERT_RANGE(0x20),
  /// Blocks that the file shares with others become its own.
  UNSHARE_RANGE(0x40);

  private final int bit;

  FallocateMode(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
