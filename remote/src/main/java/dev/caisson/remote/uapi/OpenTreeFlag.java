package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How a mount is opened. See `open_tree(2)`.
public enum OpenTreeFlag implements Flag {
  /// A detached copy of the mount.
  CLONE(0x1),
  /// An automount at the end of the path is not triggered.
  NO_AUTOMOUNT(0x800),
  /// A symbolic link itself.
  SYMLINK_NOFOLLOW(0x100),
  /// With [#CLONE]: includes the mounts below.
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
