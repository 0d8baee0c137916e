package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How a timer is set. See `timerfd_settime(2)`.
public enum TimerFlag implements Flag {
  /// The first expiration is a time of the clock, not a delay from now.
  ABSTIME(0x1),
  /// With [#ABSTIME]: a read fails with ECANCELED when the clock is set.
  CANCEL_ON_SET(0x2);

  private final int bit;

  TimerFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
