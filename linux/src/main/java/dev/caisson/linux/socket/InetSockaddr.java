package dev.caisson.linux.socket;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.caisson.linux.internal.Frame;
import java.lang.foreign.MemorySegment;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteOrder;

/// A `struct sockaddr_in` or `struct sockaddr_in6`. See `ip(7)`, `ipv6(7)`.
record InetSockaddr(MemorySegment segment, int family, int length) {
  static final int AF_INET = 2;
  static final int AF_INET6 = 10;

  /// The size of the larger one, in bytes.
  static final int ROOM = 28;

  private static final int IPV4_AT = 4;
  private static final int IPV6_AT = 8;
  private static final int SCOPE_AT = 24;

  /// @throws IllegalArgumentException if the address has not been resolved
  static InetSockaddr of(InetSocketAddress address, Frame frame) {
    var host = address.getAddress();
    if (host == null) {
      throw new IllegalArgumentException("the name of " + address + " has not been resolved");
    }
    boolean six = host instanceof Inet6Address;
    int family = six ? AF_INET6 : AF_INET;
    var segment = frame.allocate(ROOM, 8);
    segment.set(JAVA_SHORT, 0, (short) family);
    segment.set(JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), 2, (short) address.getPort());
    byte[] bytes = host.getAddress();
    MemorySegment.copy(bytes, 0, segment, JAVA_BYTE, six ? IPV6_AT : IPV4_AT, bytes.length);
    if (host instanceof Inet6Address scoped) {
      segment.set(JAVA_INT, SCOPE_AT, scoped.getScopeId());
    }
    return new InetSockaddr(segment, family, six ? ROOM : 16);
  }

  /// Parses an address that the kernel has written.
  static InetSocketAddress read(MemorySegment segment) {
    boolean six = segment.get(JAVA_SHORT, 0) == AF_INET6;
    var bytes = segment.asSlice(six ? IPV6_AT : IPV4_AT, six ? 16 : 4).toArray(JAVA_BYTE);
    int port = segment.get(JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), 2) & 0xffff;
    try {
      return new InetSocketAddress(InetAddress.getByAddress(bytes), port);
    } catch (UnknownHostException wrongLength) {
      throw new AssertionError(wrongLength);
    }
  }
}
