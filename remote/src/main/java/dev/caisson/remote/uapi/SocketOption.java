package dev.caisson.remote.uapi;

import java.util.stream.Stream;

/// An option of a socket: a level and a number. See `getsockopt(2)`.
///
/// Many have a name: those of [SoOption] for all sockets, and those of a protocol. [#of] makes any
/// other.
public sealed interface SocketOption
    permits SoOption,
        IpOption,
        Ipv6Option,
        TcpOption,
        UdpOption,
        NetlinkOption,
        SocketOption.Other {
  /// SOL_SOCKET, or the number of a protocol, as the kernel has it.
  int level();

  /// The number of the option at its level, as the kernel has it.
  int number();

  /// Returns the option with a level and a number: the one that has a name, if there is one.
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

  /// An option without a name here. [SocketOption#of] makes it.
  record Other(int level, int number) implements SocketOption {
    @Override
    public String toString() {
      return "option %d at level %d".formatted(number, level);
    }
  }
}
