package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.abi.Layouts;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteOrder;

/// Socket addresses in the kernel's form.
public final class SockaddrBytes {
  /// Size of the largest address: `struct sockaddr_storage`.
  public static final int ROOM = 128;

  private static final int AF_UNIX = 1;
  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int AF_NETLINK = 16;

  private static final Layouts IN = Layouts.SOCKADDR_IN;
  private static final Layouts IN6 = Layouts.SOCKADDR_IN6;
  private static final Layouts NL = Layouts.SOCKADDR_NL;
  private static final long FAMILY = Layouts.SOCKADDR.offset("sa_family");
  private static final long PATH = Layouts.SOCKADDR_UN.offset("sun_path");

  private static final ValueLayout.OfShort PORT =
      JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt NETWORK_INT =
      JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private SockaddrBytes() {}

  /// The address in the kernel's form, exactly as long as it needs to be.
  ///
  /// @throws IllegalArgumentException if it is a Unix path of more than 107 bytes
  public static MemorySegment of(Sockaddr address) {
    return switch (address) {
      case Sockaddr.Unix unix -> path(PathBytes.of(unix.path()));
      case Sockaddr.Abstract named -> abstractName(named.name());
      case Sockaddr.Unnamed _ -> made(AF_UNIX, PATH);
      case Sockaddr.Inet inet -> inet(inet);
      case Sockaddr.Inet6 inet6 -> inet6(inet6);
      case Sockaddr.Netlink netlink -> netlink(netlink);
    };
  }

  /// Whether the address is a path that does not fit into `sockaddr_un`.
  public static boolean tooLong(Sockaddr address) {
    return address instanceof Sockaddr.Unix unix
        && PATH + PathBytes.of(unix.path()).length + 1 > Layouts.SOCKADDR_UN.size();
  }

  private static MemorySegment made(int family, long size) {
    var made = Layouts.SOCKADDR_UN.room().asSlice(0, size);
    made.set(JAVA_SHORT_UNALIGNED, FAMILY, (short) family);
    return made;
  }

  private static MemorySegment path(byte[] path) {
    if (PATH + path.length + 1 > Layouts.SOCKADDR_UN.size()) {
      throw new IllegalArgumentException(
          "the path of a Unix socket has at most 107 bytes, not %d".formatted(path.length));
    }
    var made = made(AF_UNIX, PATH + path.length + 1);
    MemorySegment.copy(path, 0, made, JAVA_BYTE, PATH, path.length);
    return made;
  }

  private static MemorySegment abstractName(byte[] name) {
    var made = made(AF_UNIX, PATH + 1 + name.length);
    MemorySegment.copy(name, 0, made, JAVA_BYTE, PATH + 1, name.length);
    return made;
  }

  private static MemorySegment inet(Sockaddr.Inet inet) {
    var made = made(AF_INET, IN.size());
    made.set(PORT, IN.offset("sin_port"), (short) inet.port());
    var address = inet.address().getAddress();
    MemorySegment.copy(address, 0, made, JAVA_BYTE, IN.offset("sin_addr"), address.length);
    return made;
  }

  private static MemorySegment inet6(Sockaddr.Inet6 inet6) {
    var made = made(AF_INET6, IN6.size());
    made.set(PORT, IN6.offset("sin6_port"), (short) inet6.port());
    made.set(NETWORK_INT, IN6.offset("sin6_flowinfo"), inet6.flowinfo());
    var address = inet6.address().getAddress();
    MemorySegment.copy(address, 0, made, JAVA_BYTE, IN6.offset("sin6_addr"), address.length);
    made.set(JAVA_INT_UNALIGNED, IN6.offset("sin6_scope_id"), inet6.scope());
    return made;
  }

  private static MemorySegment netlink(Sockaddr.Netlink netlink) {
    var made = made(AF_NETLINK, NL.size());
    made.set(JAVA_INT_UNALIGNED, NL.offset("nl_pid"), netlink.port());
    made.set(JAVA_INT_UNALIGNED, NL.offset("nl_groups"), netlink.groups());
    return made;
  }

  /// Parses an address, exactly as long as the kernel reported.
  ///
  /// @throws IOException if the address family is unknown, or the address has a wrong size
  public static Sockaddr parse(MemorySegment bytes) throws IOException {
    if (bytes.byteSize() == 0) {
      return new Sockaddr.Unnamed();
    }
    try {
      int family = bytes.get(JAVA_SHORT_UNALIGNED, FAMILY) & 0xffff;
      return switch (family) {
        case AF_UNIX -> unix(bytes.asSlice(PATH));
        case AF_INET ->
            new Sockaddr.Inet(
                (Inet4Address) InetAddress.getByAddress(bytes(bytes, IN.offset("sin_addr"), 4)),
                bytes.get(PORT, IN.offset("sin_port")) & 0xffff);
        case AF_INET6 ->
            new Sockaddr.Inet6(
                Inet6Address.getByAddress("", bytes(bytes, IN6.offset("sin6_addr"), 16), -1),
                bytes.get(PORT, IN6.offset("sin6_port")) & 0xffff,
                bytes.get(NETWORK_INT, IN6.offset("sin6_flowinfo")),
                bytes.get(JAVA_INT_UNALIGNED, IN6.offset("sin6_scope_id")));
        case AF_NETLINK ->
            new Sockaddr.Netlink(
                bytes.get(JAVA_INT_UNALIGNED, NL.offset("nl_pid")),
                bytes.get(JAVA_INT_UNALIGNED, NL.offset("nl_groups")));
        default -> throw new IOException("unknown address family %d".formatted(family));
      };
    } catch (IndexOutOfBoundsException tooShort) {
      throw new IOException(
          "a socket address of %d bytes is too short".formatted(bytes.byteSize()), tooShort);
    } catch (UnknownHostException wrongLength) {
      throw new AssertionError(wrongLength);
    }
  }

  private static Sockaddr unix(MemorySegment path) throws IOException {
    // The kernel appends a NUL to a path that fills the array, and counts it.
    long room = Layouts.SOCKADDR_UN.size() - PATH;
    boolean named = path.byteSize() > 1 && path.get(JAVA_BYTE, 0) == 0;
    if (path.byteSize() > (named ? room : room + 1)) {
      throw new IOException(
          "the name of a Unix socket is too long: %d bytes".formatted(path.byteSize()));
    }
    if (named) {
      return new Sockaddr.Abstract(path.asSlice(1).toArray(JAVA_BYTE));
    }
    return KernelNames.path(path)
        .<Sockaddr>map(Sockaddr.Unix::new)
        .orElseGet(Sockaddr.Unnamed::new);
  }

  private static byte[] bytes(MemorySegment from, long at, long count) {
    return from.asSlice(at, count).toArray(JAVA_BYTE);
  }
}
