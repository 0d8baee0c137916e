package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// An event to await of a descriptor, or one that has come. See `epoll_ctl(2)`.
public enum EpollFlag implements Flag {
  /// There is something to read.
  IN(0x1),
  /// An exceptional condition, such as out-of-band data.
  PRI(0x2),
  /// Writing would not block.
  OUT(0x4),
  /// An error; it is always awaited.
  ERR(0x8),
  /// The other end is closed; it is always awaited.
  HUP(0x10),
  /// The other end has shut down its writing.
  RDHUP(0x2000),
  /// Not all waiters are woken.
  EXCLUSIVE(1 << 28),
  /// The event comes once, until it is requested again.
  ONESHOT(1 << 30),
  /// Edge-triggered: the event comes when the state changes, not while it lasts.
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
