package dev.caisson.remote.uapi;

import dev.caisson.linux.PathBytes;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.nio.file.Path;
import java.util.Arrays;

/// The address of a socket. See `sockaddr(3type)`.
public sealed interface Sockaddr {
  /// A path in the file system. See `unix(7)`.
  ///
  /// A path of more than 107 bytes is reached through `/proc`, which the process must see.
  record Unix(Path path) implements Sockaddr {}

  /// A name outside the file system. See `unix(7)`, abstract.
  final class Abstract implements Sockaddr {
    private static final int MOST = 107;

    private final byte[] name;

    /// @param name without the leading NUL; any other NUL is part of the name
    /// @throws IllegalArgumentException if the name is empty, or longer than 107 bytes
    public Abstract(byte[] name) {
      if (name.length < 1 || name.length > MOST) {
        throw new IllegalArgumentException(
            "an abstract name has 1 to %d bytes, not %d".formatted(MOST, name.length));
      }
      this.name = name.clone();
    }

    /// An abstract name that is text.
    public Abstract(String name) {
      this(PathBytes.encode(name));
    }

    /// The name, without the leading NUL.
    public byte[] name() {
      return name.clone();
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Abstract that && Arrays.equals(name, that.name);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(name);
    }

    @Override
    public String toString() {
      return "Abstract[" + PathBytes.decode(name) + "]";
    }
  }

  /// The address of an unbound Unix socket. Binding to it assigns an abstract name that the kernel
  /// chooses. See `unix(7)`, unnamed.
  record Unnamed() implements Sockaddr {}

  /// An IPv4 address. See `ip(7)`.
  ///
  /// @param port 0 to 65535; 0 lets the kernel choose one
  record Inet(Inet4Address address, int port) implements Sockaddr {
    /// @throws IllegalArgumentException if the port is out of range
    public Inet {
      checkPort(port);
    }
  }

  /// An IPv6 address. See `ipv6(7)`.
  ///
  /// @param port 0 to 65535; 0 lets the kernel choose one
  /// @param flowinfo 0 for none
  /// @param scope the index of an interface, for a link-local address; the scope in `address` is
  ///   ignored
  record Inet6(Inet6Address address, int port, int flowinfo, int scope) implements Sockaddr {
    /// @throws IllegalArgumentException if the port is out of range
    public Inet6 {
      checkPort(port);
    }
  }

  private static void checkPort(int port) {
    if (port < 0 || port > 0xffff) {
      throw new IllegalArgumentException("a port is 0 to 65535, not " + port);
    }
  }

  /// A netlink address. See `netlink(7)`.
  ///
  /// @param port 0 for the kernel, or to let the kernel choose one
  /// @param groups multicast groups, one bit each
  record Netlink(int port, int groups) implements Sockaddr {}
}
