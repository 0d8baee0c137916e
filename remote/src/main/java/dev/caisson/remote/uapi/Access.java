package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// What a process may do with a file. See `access(2)`.
public enum Access implements Flag {
  /// Execute the file, or search the directory.
  X_OK(0x1),
  /// Write the file.
  W_OK(0x2),
  /// Read the file.
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
