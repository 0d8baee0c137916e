package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// What a new process has for itself or in common with its parent. See `clone(2)`.
public enum CloneFlag implements Flag {
  /// In common: the table of descriptors.
  FILES(0x400),
  /// In common: the working directory, the root and the umask.
  FS(0x200),
  /// Of its own: mounts.
  NEWNS(0x20000),
  /// Of its own: control groups.
  NEWCGROUP(0x2000000),
  /// Of its own: the host's name.
  NEWUTS(0x4000000),
  /// Of its own: System V IPC.
  NEWIPC(0x8000000),
  /// Of its own: users.
  NEWUSER(0x10000000),
  /// Of its own: numbers of processes.
  NEWPID(0x20000000),
  /// Of its own: a network.
  NEWNET(0x40000000);

  private final int bit;

  CloneFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
