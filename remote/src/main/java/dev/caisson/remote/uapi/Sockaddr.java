package dev.caisson.remote.uapi;

import dev.caisson.linux.PathBytes;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.nio.file.Path;
import java.util.Arrays;

/// The address of a socket. See `sockaddr(3type)`.
public sealed interface Sockaddr {
  /// A place in the file system. See `unix(7)`.
  ///
  /// One of more than 107 bytes is reached through `/proc`, which the process must see then.
  record Unix(Path path) implements Sockaddr {}

  /// A name that is in no file system. See `unix(7)`, abstract.
  final class Abstract implements Sockaddr {
    private static final int MOST = 107;

    private final byte[] name;

    /// @param name without the NUL that is before it; any other is a byte of it like all
    /// @throws IllegalArgumentException if it is empty, or longer than 107 bytes
    public Abstract(byte[] name) {
      if (name.length < 1 || name.length > MOST) {
        throw new IllegalArgumentException(
            "an abstract name has 1 to %d bytes, not %d".formatted(MOST, name.length));
      }
      this.name = name.clone();
    }

    /// A name that is text.
    public Abstract(String name) {
      this(PathBytes.encode(name));
    }

    /// The name, without the NUL that is before it.
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

  /// That of a Unix socket that has none. To bind to it gives an abstract one that the kernel
  /// chooses. See `unix(7)`, unnamed.
  record Unnamed() implements Sockaddr {}

  /// See `ip(7)`.
  ///
  /// @param port 0 to 65535; 0 for one that the kernel chooses
  record Inet(Inet4Address address, int port) implements Sockaddr {
    /// @throws IllegalArgumentException if there is no such port
    public Inet {
      checkPort(port);
    }
  }

  /// See `ipv6(7)`.
  ///
  /// @param port 0 to 65535; 0 for one that the kernel chooses
  /// @param flowinfo 0 for none
  /// @param scope the index of an interface, for a link-local address; that of the address does not
  ///   count
  record Inet6(Inet6Address address, int port, int flowinfo, int scope) implements Sockaddr {
    /// @throws IllegalArgumentException if there is no such port
    public Inet6 {
      checkPort(port);
    }
  }

  private static void checkPort(int port) {
    if (port < 0 || port > 0xffff) {
      throw new IllegalArgumentException("a port is 0 to 65535, not " + port);
    }
  }

  /// See `netlink(7)`.
  ///
  /// @param port 0 for the kernel, or for one that it chooses
  /// @param groups multicast groups, a bit each
  record Netlink(int port, int groups) implements Sockaddr {}
}
