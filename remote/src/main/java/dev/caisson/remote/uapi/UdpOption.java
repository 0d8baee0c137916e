package dev.caisson.remote.uapi;

/// An option of UDP sockets. See `udp(7)`.
public enum UdpOption implements SocketOption {
  /// All data goes into one datagram until this is cleared.
  CORK(1),
  /// The protocol that datagrams encapsulate.
  ENCAP(100),
  /// IPv6 datagrams are sent without a checksum.
  NO_CHECK6_TX(101),
  /// IPv6 datagrams without a checksum are received.
  NO_CHECK6_RX(102),
  /// The size of the datagrams that one send is cut into.
  SEGMENT(103),
  /// Several datagrams are received as one.
  GRO(104);

  private final int number;

  UdpOption(int number) {
    this.number = number;
  }

  /// IPPROTO_UDP.
  @Override
  public int level() {
    return 17;
  }

  @Override
  public int number() {
    return number;
  }

  /// The name in C.
  @Override
  public String toString() {
    return "UDP_" + name();
  }
}
