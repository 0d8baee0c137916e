package dev.caisson.remote.uapi;

/// An option of IPv6 sockets. See `ipv6(7)`.
public enum Ipv6Option implements SocketOption {
  /// The hop limit of unicast packets.
  UNICAST_HOPS(16),
  /// The interface for multicast packets.
  MULTICAST_IF(17),
  /// The hop limit of multicast packets.
  MULTICAST_HOPS(18),
  /// Multicast packets return to this host.
  MULTICAST_LOOP(19),
  /// Joins a multicast group.
  ADD_MEMBERSHIP(20),
  /// Leaves a multicast group.
  DROP_MEMBERSHIP(21),
  /// Whether the path MTU is discovered.
  MTU_DISCOVER(23),
  /// The path MTU.
  MTU(24),
  /// Errors are queued, for MSG_ERRQUEUE.
  RECVERR(25),
  /// The socket has no IPv4 connections.
  V6ONLY(26),
  /// The destination and the interface are received with messages.
  RECVPKTINFO(49),
  /// The hop limit is received with messages.
  RECVHOPLIMIT(51),
  /// Packets are not fragmented.
  DONTFRAG(62),
  /// The traffic class is received with messages.
  RECVTCLASS(66),
  /// The traffic class of packets that are sent.
  TCLASS(67),
  /// A foreign address can be bound.
  TRANSPARENT(75),
  /// The interface for unicast packets.
  UNICAST_IF(76),
  /// An address that does not exist yet can be bound.
  FREEBIND(78);

  private final int number;

  Ipv6Option(int number) {
    this.number = number;
  }

  /// IPPROTO_IPV6.
  @Override
  public int level() {
    return 41;
  }

  @Override
  public int number() {
    return number;
  }

  /// The name in C.
  @Override
  public String toString() {
    return "IPV6_" + name();
  }
}
