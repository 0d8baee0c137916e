package dev.caisson.linux.mount;

import dev.caisson.linux.Flag;

/// How a file system is unmounted. See `umount2(2)`.
public enum UmountFlag implements Flag {
  /// Even if it is busy, where the file system can (NFS, FUSE).
  FORCE(0x1),
  /// At once from the tree, from memory when it is no longer busy (a lazy umount).
  DETACH(0x2),
  /// A symbolic link as the target is not followed.
  NOFOLLOW(0x8);

  private final int bit;

  UmountFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
