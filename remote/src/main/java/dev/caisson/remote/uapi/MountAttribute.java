package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// A property of a mount. See `mount_setattr(2)`.
public enum MountAttribute implements Flag {
  /// The mount is read-only.
  RDONLY(0x1),
  /// Set-user-id bits and file capabilities are ignored.
  NOSUID(0x2),
  /// Device nodes are not usable.
  NODEV(0x4),
  /// Nothing can be executed from it.
  NOEXEC(0x8),
  /// Access does not update access times.
  NOATIME(0x10),
  /// Access always updates the access time.
  STRICTATIME(0x20),
  /// Access to directories does not update their access times.
  NODIRATIME(0x80),
  /// File owners are mapped through a user namespace.
  IDMAP(0x100000),
  /// Symbolic links are not followed.
  NOSYMFOLLOW(0x200000);

  private final int bit;

  MountAttribute(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
