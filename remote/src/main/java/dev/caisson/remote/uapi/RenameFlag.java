package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How a file is renamed. See `renameat2(2)`.
public enum RenameFlag implements Flag {
  /// An existing file of the new name is an error.
  NOREPLACE(0x1),
  /// The two names are exchanged.
  EXCHANGE(0x2),
  /// The old name becomes a whiteout of an overlay file system.
  WHITEOUT(0x4);

  private final int bit;

  RenameFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
