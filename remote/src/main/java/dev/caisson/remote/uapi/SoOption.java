package dev.caisson.remote.uapi;

/// An option of all sockets, at the level SOL_SOCKET. See `socket(7)`.
public enum SoOption implements SocketOption {
  /// Debugging is recorded.
  DEBUG(1),
  /// An address can be bound while an old connection lingers.
  REUSEADDR(2),
  /// The type of the socket, read only.
  TYPE(3),
  /// The pending error, which reading clears.
  ERROR(4),
  /// Only hosts on a network that is connected directly are reached.
  DONTROUTE(5),
  /// Datagrams can be sent to broadcast addresses.
  BROADCAST(6),
  /// The size of the send buffer, in bytes; the kernel doubles it.
  SNDBUF(7),
  /// The size of the receive buffer, in bytes; the kernel doubles it.
  RCVBUF(8),
  /// Idle connections are probed.
  KEEPALIVE(9),
  /// Out-of-band data is received among the other data.
  OOBINLINE(10),
  /// The priority of packets that are sent.
  PRIORITY(12),
  /// How long closing waits for unsent data: a `struct linger`.
  LINGER(13),
  /// Several sockets can be bound to one port.
  REUSEPORT(15),
  /// Credentials of senders are received.
  PASSCRED(16),
  /// The credentials of the peer, a `struct ucred`, read only.
  PEERCRED(17),
  /// How many bytes make the socket readable.
  RCVLOWAT(18),
  /// How much free space makes the socket writable, read only.
  SNDLOWAT(19),
  /// How long a receive blocks: a `struct timeval`.
  RCVTIMEO(20),
  /// How long a send or a connect blocks: a `struct timeval`.
  SNDTIMEO(21),
  /// The name of the only interface that the socket uses.
  BINDTODEVICE(25),
  /// The classic BPF program that filters incoming packets.
  ATTACH_FILTER(26),
  /// Removes the filter.
  DETACH_FILTER(27),
  /// Times are received with messages, in microseconds.
  TIMESTAMP(29),
  /// Whether the socket listens, read only.
  ACCEPTCONN(30),
  /// The security context of the peer, read only.
  PEERSEC(31),
  /// The size of the send buffer beyond the limit of the system.
  SNDBUFFORCE(32),
  /// The size of the receive buffer beyond the limit of the system.
  RCVBUFFORCE(33),
  /// Security contexts of senders are received.
  PASSSEC(34),
  /// Times are received with messages, in nanoseconds.
  TIMESTAMPNS(35),
  /// The mark of packets that are sent.
  MARK(36),
  /// Which times the kernel and the interface take.
  TIMESTAMPING(37),
  /// The protocol of the socket, read only.
  PROTOCOL(38),
  /// The family of the socket, read only.
  DOMAIN(39),
  /// The number of dropped packets is received with messages.
  RXQ_OVFL(40),
  /// Where the next peek begins.
  PEEK_OFF(42),
  /// The filter cannot be removed any more.
  LOCK_FILTER(44),
  /// How long a blocking receive polls the interface, in microseconds.
  BUSY_POLL(46),
  /// How fast data is sent at most, in bytes per second.
  MAX_PACING_RATE(47),
  /// The processor that handles incoming packets.
  INCOMING_CPU(49),
  /// The descriptor of the BPF program that filters incoming packets.
  ATTACH_BPF(50),
  /// How much memory the socket uses, read only.
  MEMINFO(55),
  /// The receive queue of the last packet, read only.
  INCOMING_NAPI_ID(56),
  /// A number that no other socket has, read only.
  COOKIE(57),
  /// The groups of the peer, read only.
  PEERGROUPS(59),
  /// Data can be sent without a copy.
  ZEROCOPY(60),
  /// Packets are sent at times that the sender gives.
  TXTIME(61),
  /// The index of the only interface that the socket uses.
  BINDTOIFINDEX(62),
  /// A number for the network namespace of the socket, read only.
  NETNS_COOKIE(71),
  /// Which buffers the kernel must not resize.
  BUF_LOCK(72);

  private final int number;

  SoOption(int number) {
    this.number = number;
  }

  /// SOL_SOCKET.
  @Override
  public int level() {
    return 1;
  }

  @Override
  public int number() {
    return number;
  }

  /// The name in C.
  @Override
  public String toString() {
    return "SO_" + name();
  }
}
