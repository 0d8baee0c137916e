package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How a call treats its path. Each call takes only some of these flags, which its manual page
/// names: [#REMOVEDIR] and [#EACCESS] are the same bit.
public enum AtFlag implements Flag {
  /// A symbolic link at the end of the path is not followed.
  SYMLINK_NOFOLLOW(0x100),
  /// `faccessat2(2)` checks the effective user and group, not the real ones.
  EACCESS(0x200),
  /// `unlinkat(2)` removes an empty directory, and no other file.
  REMOVEDIR(0x200),
  /// A symbolic link at the end of the path is followed.
  SYMLINK_FOLLOW(0x400),
  /// An automount point at the end of the path is not mounted.
  NO_AUTOMOUNT(0x800),
  /// An empty path stands for the descriptor itself.
  EMPTY_PATH(0x1000),
  /// `statx(2)` asks the server of a network file system for current attributes.
  STATX_FORCE_SYNC(0x2000),
  /// `statx(2)` takes the attributes of a network file system from the cache.
  STATX_DONT_SYNC(0x4000),
  /// `mount_setattr(2)` also changes the mounts below.
  RECURSIVE(0x8000);

  private final int bit;

  AtFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
