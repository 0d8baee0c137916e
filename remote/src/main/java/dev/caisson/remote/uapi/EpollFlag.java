package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// What is awaited of a descriptor, or has come. See `epoll_ctl(2)`.
public enum EpollFlag implements Flag {
  /// There is something to read.
  IN(0x1),
  /// Something out of the ordinary.
  PRI(0x2),
  /// Writing would not block.
  OUT(0x4),
  /// An error; it is always awaited.
  ERR(0x8),
  /// The other end is closed; it is always awaited.
  HUP(0x10),
  /// The other end has shut down its writing.
  RDHUP(0x2000),
  /// Not all who wait are woken.
  EXCLUSIVE(1 << 28),
  /// Once only, until it is asked for again.
  ONESHOT(1 << 30),
  /// When it changes, not as long as it is so.
  ET(1 << 31);

  private final int bit;

  EpollFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
