package dev.caisson.remote.uapi;

/// Which addresses a socket has. See `socket(2)`.
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

  /// As the kernel has it.
  public int number() {
    return number;
  }
}
