package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// What may be done with memory. See `mprotect(2)`; PROT_NONE is the empty set.
public enum Protection implements Flag {
  /// It can be read.
  READ(0x1),
  /// It can be written.
  WRITE(0x2),
  /// It can be executed.
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
