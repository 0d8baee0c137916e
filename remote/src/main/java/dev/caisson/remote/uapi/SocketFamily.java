package dev.caisson.remote.uapi;

/// The address family of a socket. See `socket(2)`.
public enum SocketFamily {
  /// See `unix(7)`.
  UNIX(1),
  /// See `ip(7)`.
  INET(2),
  /// See `ipv6(7)`.
  INET6(10),
  /// See `netlink(7)`.
  NETLINK(16);

  private final int number;

  SocketFamily(int number) {
    this.number = number;
  }

  /// The number in the kernel's headers.
  public int number() {
    return number;
  }
}
