package dev.caisson.linux.mount;

import dev.caisson.linux.Flag;

/// How a file system is mounted. See `mount(2)`.
public enum MountFlag implements Flag {
  /// Nothing can be written through this mount.
  RDONLY(0x1),
  /// Set-user-id bits and file capabilities are ignored.
  NOSUID(0x2),
  /// Device nodes are not usable.
  NODEV(0x4),
  /// Nothing can be executed from it.
  NOEXEC(0x8),
  /// Change the flags of an existing mount.
  REMOUNT(0x20),
  /// Reading does not update the access time.
  NOATIME(0x400),
  /// Bind a directory or file to a second place.
  BIND(0x1000),
  /// Move a mount to another mount point.
  MOVE(0x2000),
  /// Include the mounts below.
  REC(0x4000),
  /// Mounts propagate neither into it nor out of it.
  PRIVATE(0x40000),
  /// Mounts propagate into it, but not out of it.
  SLAVE(0x80000),
  /// Mounts propagate into it and out of it.
  SHARED(0x100000);

  private final int bit;

  MountFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
