package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// The allowed accesses to memory. See `mprotect(2)`; PROT_NONE is the empty set.
public enum Protection implements Flag {
  /// The memory can be read.
  READ(0x1),
  /// The memory can be written.
  WRITE(0x2),
  /// The memory can be executed.
  EXEC(0x4);

  private final int bit;

  Protection(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
