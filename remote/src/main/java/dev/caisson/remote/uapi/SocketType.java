package dev.caisson.remote.uapi;

/// How a socket transfers data. See `socket(2)`.
public enum SocketType {
  /// A stream of bytes, in order.
  STREAM(1),
  /// Separate messages, in any order.
  DGRAM(2),
  /// Raw packets, below the transport protocol.
  RAW(3),
  /// Separate messages, in order, over a connection.
  SEQPACKET(5);

  private final int number;

  SocketType(int number) {
    this.number = number;
  }

  /// The number in the kernel's headers.
  public int number() {
    return number;
  }
}
