package dev.caisson.remote;

import java.util.Set;

/// What a new process has for itself or in common with its parent. See `clone(2)`.
public enum CloneFlag {
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

  static int bits(Set<CloneFlag> flags) {
    return flags.stream().mapToInt(flag -> flag.bit).reduce(0, (a, b) -> a | b);
  }

  static int namespaces(Set<CloneFlag> flags) {
    if (flags.contains(FILES)) {
      throw new IllegalArgumentException("the table of descriptors cannot be changed here");
    }
    return bits(flags);
  }
}
