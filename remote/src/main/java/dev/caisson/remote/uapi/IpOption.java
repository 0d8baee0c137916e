package dev.caisson.remote.uapi;

/// An option of IPv4 sockets. See `ip(7)`.
public enum IpOption implements SocketOption {
  /// The type of service of packets that are sent.
  TOS(1),
  /// The time to live of packets that are sent.
  TTL(2),
  /// The caller writes the IP header.
  HDRINCL(3),
  /// The IP options of packets that are sent.
  OPTIONS(4),
  /// IP options are received with messages.
  RECVOPTS(6),
  /// The destination and the interface are received with messages.
  PKTINFO(8),
  /// Whether the path MTU is discovered.
  MTU_DISCOVER(10),
  /// Errors are queued, for MSG_ERRQUEUE.
  RECVERR(11),
  /// The time to live is received with messages.
  RECVTTL(12),
  /// The type of service is received with messages.
  RECVTOS(13),
  /// The path MTU of a connected socket, read only.
  MTU(14),
  /// An address that does not exist yet can be bound.
  FREEBIND(15),
  /// A foreign address can be bound.
  TRANSPARENT(19),
  /// The original destination is received with messages.
  RECVORIGDSTADDR(20),
  /// Packets with a lower time to live are dropped.
  MINTTL(21),
  /// The port is chosen when the socket connects.
  BIND_ADDRESS_NO_PORT(24),
  /// The interface for multicast packets.
  MULTICAST_IF(32),
  /// The time to live of multicast packets.
  MULTICAST_TTL(33),
  /// Multicast packets return to this host.
  MULTICAST_LOOP(34),
  /// Joins a multicast group.
  ADD_MEMBERSHIP(35),
  /// Leaves a multicast group.
  DROP_MEMBERSHIP(36),
  /// Messages of all groups that the host has joined are received.
  MULTICAST_ALL(49),
  /// The interface for unicast packets.
  UNICAST_IF(50);

  private final int number;

  IpOption(int number) {
    this.number = number;
  }

  /// IPPROTO_IP.
  @Override
  public int level() {
    return 0;
  }

  @Override
  public int number() {
    return number;
  }

  /// The name in C.
  @Override
  public String toString() {
    return "IP_" + name();
  }
}
