package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// A property of a mounted file system. See `statfs(2)`.
public enum StatfsFlag implements Flag {
  /// The mount is read-only.
  RDONLY(0x1),
  /// Set-user-id bits and file capabilities are ignored.
  NOSUID(0x2),
  /// Device nodes are not usable.
  NODEV(0x4),
  /// Nothing can be executed from the mount.
  NOEXEC(0x8),
  /// Each write is stored synchronously.
  SYNCHRONOUS(0x10),
  /// Mandatory locking is permitted.
  MANDLOCK(0x40),
  /// Access does not update access times.
  NOATIME(0x400),
  /// Access to directories does not update their access times.
  NODIRATIME(0x800),
  /// Access updates the access time only if it is older than the last change.
  RELATIME(0x1000);

  private final int bit;

  StatfsFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
