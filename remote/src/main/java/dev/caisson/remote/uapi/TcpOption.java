package dev.caisson.remote.uapi;

/// An option of TCP sockets. See `tcp(7)`.
public enum TcpOption implements SocketOption {
  /// Small packets are sent at once.
  NODELAY(1),
  /// The maximum segment size, in bytes.
  MAXSEG(2),
  /// Only full packets are sent.
  CORK(3),
  /// How long a connection is idle before it is probed, in seconds.
  KEEPIDLE(4),
  /// The time between probes, in seconds.
  KEEPINTVL(5),
  /// How many probes without an answer end a connection.
  KEEPCNT(6),
  /// How often a connection attempt is repeated.
  SYNCNT(7),
  /// How long an orphan stays in FIN_WAIT2, in seconds.
  LINGER2(8),
  /// A connection is accepted once there is data, or after so many seconds.
  DEFER_ACCEPT(9),
  /// The maximum size of the window, in bytes.
  WINDOW_CLAMP(10),
  /// The state of the connection, a `struct tcp_info`, read only.
  INFO(11),
  /// Acknowledgements are sent at once.
  QUICKACK(12),
  /// The name of the congestion control algorithm.
  CONGESTION(13),
  /// How long sent data may stay unacknowledged, in milliseconds.
  USER_TIMEOUT(18),
  /// How many connections may send data while they are opened.
  FASTOPEN(23),
  /// How much unsent data keeps the socket from being writable, in bytes.
  NOTSENT_LOWAT(25),
  /// Connecting sends the first data.
  FASTOPEN_CONNECT(30),
  /// The name of the protocol on top, such as `tls`.
  ULP(31),
  /// The number of bytes to be received is received with messages.
  INQ(36);

  private final int number;

  TcpOption(int number) {
    this.number = number;
  }

  /// IPPROTO_TCP.
  @Override
  public int level() {
    return 6;
  }

  @Override
  public int number() {
    return number;
  }

  /// The name in C.
  @Override
  public String toString() {
    return "TCP_" + name();
  }
}
