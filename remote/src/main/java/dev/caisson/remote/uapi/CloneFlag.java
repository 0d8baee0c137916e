package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// What a new process shares with its parent, or gets as its own namespace. See `clone(2)`.
public enum CloneFlag implements Flag {
  /// Shares the descriptor table.
  FILES(0x400),
  /// Shares the working directory, the root and the umask.
  FS(0x200),
  /// A new mount namespace.
  NEWNS(0x20000),
  /// A new control group namespace.
  NEWCGROUP(0x2000000),
  /// A new UTS namespace: host and domain name.
  NEWUTS(0x4000000),
  /// A new namespace of System V IPC and POSIX message queues.
  NEWIPC(0x8000000),
  /// A new user namespace.
  NEWUSER(0x10000000),
  /// A new process id namespace.
  NEWPID(0x20000000),
  /// A new network namespace.
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
