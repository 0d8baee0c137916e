package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How a path is resolved. See `openat2(2)`.
public enum ResolveFlag implements Flag {
  /// Does not cross into another mount.
  NO_XDEV(0x1),
  /// Does not follow magic links of `/proc`.
  NO_MAGICLINKS(0x2),
  /// Does not follow symbolic links.
  NO_SYMLINKS(0x4),
  /// Does not leave the directory upwards or by an absolute path.
  BENEATH(0x8),
  /// Treats the directory as the root.
  IN_ROOT(0x10),
  /// Fails with EAGAIN unless the path is in the kernel's cache.
  CACHED(0x20);

  private final int bit;

  ResolveFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
