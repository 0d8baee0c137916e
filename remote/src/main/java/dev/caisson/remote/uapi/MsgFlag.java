package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How a message is sent or received, or how it arrived. See `sendmsg(2)` and `recvmsg(2)`.
///
/// MSG_NOSIGNAL and MSG_CMSG_CLOEXEC are left out: all calls that send or receive set them.
public enum MsgFlag implements Flag {
  /// Out-of-band data is sent or received.
  OOB(0x1),
  /// Received data stays in the queue.
  PEEK(0x2),
  /// Only hosts on a network that is connected directly are reached.
  DONTROUTE(0x4),
  /// Result of a receive: the ancillary data did not fit.
  CTRUNC(0x8),
  /// Result of a receive: the message was longer than the buffer.
  TRUNC(0x20),
  /// The call does not block; EAGAIN instead.
  DONTWAIT(0x40),
  /// The record ends here.
  EOR(0x80),
  /// The call blocks until the whole buffer is filled.
  WAITALL(0x100),
  /// The neighbour has answered, so its link-layer address is still valid.
  CONFIRM(0x800),
  /// An error is received from the error queue of the socket.
  ERRQUEUE(0x2000),
  /// More data follows: the kernel waits for it before it sends a packet.
  MORE(0x8000),
  /// Data is sent without a copy; see SO_ZEROCOPY.
  ZEROCOPY(0x4000000),
  /// Data is sent while TCP connects.
  FASTOPEN(0x20000000);

  private final int bit;

  MsgFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
