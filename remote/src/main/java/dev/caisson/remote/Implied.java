package dev.caisson.remote;

import dev.caisson.linux.Flag;

/// A flag that calls set without being asked to. No method takes it.
enum Implied implements Flag {
  /// A descriptor is closed when another program is executed: O_CLOEXEC, which SOCK_CLOEXEC,
  /// EPOLL_CLOEXEC, EFD_CLOEXEC, TFD_CLOEXEC, SFD_CLOEXEC, IN_CLOEXEC and OPEN_TREE_CLOEXEC equal.
  CLOEXEC(0x80000),
  /// A send raises no SIGPIPE: MSG_NOSIGNAL.
  NOSIGNAL(0x4000),
  /// Received descriptors are CLOEXEC: MSG_CMSG_CLOEXEC.
  CMSG_CLOEXEC(0x40000000),
  /// Memory that is mapped belongs to no file: MAP_ANONYMOUS.
  ANONYMOUS(0x20);

  private final int bit;

  Implied(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
