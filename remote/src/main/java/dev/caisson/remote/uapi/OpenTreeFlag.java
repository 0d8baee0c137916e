package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How a mount is opened. See `open_tree(2)`.
public enum OpenTreeFlag implements Flag {
  /// A copy of it, mounted nowhere.
  CLONE(0x1),
  /// What would be mounted there on access is not.
  NO_AUTOMOUNT(0x800),
  /// A symbolic link itself.
  SYMLINK_NOFOLLOW(0x100),
  /// With [#CLONE]: also what is mounted below.
  RECURSIVE(0x8000);

  private final int bit;

  OpenTreeFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
