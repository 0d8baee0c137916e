package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How a path is resolved. See `openat2(2)`.
public enum ResolveFlag implements Flag {
  /// Never to another mount.
  NO_XDEV(0x1),
  /// Not through the links of `/proc` that are no names.
  NO_MAGICLINKS(0x2),
  /// Through no symbolic link.
  NO_SYMLINKS(0x4),
  /// Never above the directory, nor by an absolute path.
  BENEATH(0x8),
  /// As if the directory were the root.
  IN_ROOT(0x10),
  /// Only what needs no disk; EAGAIN otherwise.
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
