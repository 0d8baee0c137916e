package dev.caisson.linux.mount;

import dev.caisson.linux.Flag;

/// How a file system is unmounted. See `umount2(2)`.
public enum UmountFlag implements Flag {
  /// Unmounts even if busy, if the file system supports it (NFS, FUSE).
  FORCE(0x1),
  /// Lazy unmount: detaches from the tree at once, and releases the mount when no longer busy.
  DETACH(0x2),
  /// Does not follow the target if it is a symbolic link.
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
