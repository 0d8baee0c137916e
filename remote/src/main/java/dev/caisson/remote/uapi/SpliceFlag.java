package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How bytes are moved between a pipe and another file. See `splice(2)`.
public enum SpliceFlag implements Flag {
  /// Pages are moved if possible; a hint that the kernel ignores.
  MOVE(0x1),
  /// The call does not block on a pipe.
  NONBLOCK(0x2),
  /// More bytes follow; a hint for sockets.
  MORE(0x4);

  private final int bit;

  SpliceFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
