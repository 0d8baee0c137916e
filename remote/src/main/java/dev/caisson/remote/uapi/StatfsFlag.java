package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// A property of a mounted file system. See `statfs(2)`.
public enum StatfsFlag implements Flag {
  /// Nothing can be written through the mount.
  RDONLY(0x1),
  /// Set-user-id bits and file capabilities are ignored.
  NOSUID(0x2),
  /// Device nodes are not usable.
  NODEV(0x4),
  /// Nothing can be executed from the mount.
  NOEXEC(0x8),
  /// Each write is stored at once.
  SYNCHRONOUS(0x10),
  /// Mandatory locking is permitted.
  MANDLOCK(0x40),
  /// Access leaves no time.
  NOATIME(0x400),
  /// Access to directories leaves no time.
  NODIRATIME(0x800),
  /// Access leaves a time if the last one is older than the last change.
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
