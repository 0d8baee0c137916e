package dev.caisson.remote.uapi;

/// How a socket transfers what it is given. See `socket(2)`.
public enum SocketType {
  /// Bytes, in order.
  STREAM(1),
  /// Messages, each by itself.
  DGRAM(2),
  /// What is below the transport.
  RAW(3),
  /// Messages, in order.
  SEQPACKET(5);

  private final int number;

  SocketType(int number) {
    this.number = number;
  }

  /// As the kernel has it.
  public int number() {
    return number;
  }
}
