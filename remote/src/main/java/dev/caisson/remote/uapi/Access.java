package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// What a process may do with a file. See `access(2)`.
public enum Access implements Flag {
  /// Execute it, or search it if it is a directory.
  X_OK(0x1),
  /// Write it.
  W_OK(0x2),
  /// Read it.
  R_OK(0x4);

  private final int bit;

  Access(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
