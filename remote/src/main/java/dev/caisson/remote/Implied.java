package dev.caisson.remote;

import dev.caisson.linux.Flag;

/// A flag that calls always set. No method takes it.
enum Implied implements Flag {
  /// Closes a descriptor when the process executes a program: O_CLOEXEC, which has the value of
  /// SOCK_CLOEXEC, EPOLL_CLOEXEC, EFD_CLOEXEC, TFD_CLOEXEC, SFD_CLOEXEC, IN_CLOEXEC and
  /// OPEN_TREE_CLOEXEC.
  CLOEXEC(0x80000),
  /// Prevents SIGPIPE on a send: MSG_NOSIGNAL.
  NOSIGNAL(0x4000),
  /// Makes received descriptors CLOEXEC: MSG_CMSG_CLOEXEC.
  CMSG_CLOEXEC(0x40000000),
  /// Maps memory that belongs to no file: MAP_ANONYMOUS.
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
