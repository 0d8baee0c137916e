package dev.caisson.remote.uapi;

/// An option of netlink sockets. See `netlink(7)`.
public enum NetlinkOption implements SocketOption {
  /// Joins a group.
  ADD_MEMBERSHIP(1),
  /// Leaves a group.
  DROP_MEMBERSHIP(2),
  /// The group is received with messages.
  PKTINFO(3),
  /// Errors of a broadcast are reported to the sender.
  BROADCAST_ERROR(4),
  /// ENOBUFS is not reported.
  NO_ENOBUFS(5),
  /// Messages of all network namespaces that have an id are received.
  LISTEN_ALL_NSID(8),
  /// The groups that the socket has joined, read only.
  LIST_MEMBERSHIPS(9),
  /// An acknowledgement does not repeat the request.
  CAP_ACK(10),
  /// Errors bear a text.
  EXT_ACK(11),
  /// Requests are checked strictly.
  GET_STRICT_CHK(12);

  private final int number;

  NetlinkOption(int number) {
    this.number = number;
  }

  /// SOL_NETLINK.
  @Override
  public int level() {
    return 270;
  }

  @Override
  public int number() {
    return number;
  }

  /// The name in C.
  @Override
  public String toString() {
    return "NETLINK_" + name();
  }
}
