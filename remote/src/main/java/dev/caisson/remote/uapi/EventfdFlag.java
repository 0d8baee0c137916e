package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How an event counter behaves. See `eventfd(2)`.
public enum EventfdFlag implements Flag {
  /// A read takes one from the counter, not all.
  SEMAPHORE(0x1),
  /// No call on the descriptor blocks.
  NONBLOCK(0x800);

  private final int bit;

  EventfdFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
