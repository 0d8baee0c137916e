package dev.caisson.remote.uapi;

import java.util.stream.Stream;

/// An option of a socket: a level and a number. See `getsockopt(2)`.
///
/// Named options are in [SoOption], for all sockets, and in the enums of the protocols. [#of] makes
/// any other.
public sealed interface SocketOption
    permits SoOption,
        IpOption,
        Ipv6Option,
        TcpOption,
        UdpOption,
        NetlinkOption,
        SocketOption.Other {
  /// SOL_SOCKET, or the number of a protocol.
  int level();

  /// The number of the option at its level.
  int number();

  /// The option with a level and a number: the named one, if there is one.
  static SocketOption of(int level, int number) {
    return Stream.<SocketOption[]>of(
            SoOption.values(),
            IpOption.values(),
            Ipv6Option.values(),
            TcpOption.values(),
            UdpOption.values(),
            NetlinkOption.values())
        .flatMap(Stream::of)
        .filter(option -> option.level() == level && option.number() == number)
        .findFirst()
        .orElseGet(() -> new Other(level, number));
  }

  /// An option without a name in this package. [SocketOption#of] makes it.
  record Other(int level, int number) implements SocketOption {
    @Override
    public String toString() {
      return "option %d at level %d".formatted(number, level);
    }
  }
}
