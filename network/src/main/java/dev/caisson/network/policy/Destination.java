package dev.caisson.network.policy;

import java.net.InetAddress;
import java.util.Optional;

/// Where somebody wants to connect to, well-formed.
///
/// @param host a name in lower case and ASCII without a dot at its end, or an address
/// @param address the address, if the host is one
/// @param port from 1 to 65,535
public record Destination(String host, Optional<InetAddress> address, int port) {
  /// A name or an address, and a port.
  ///
  /// @throws IllegalArgumentException if it is none
  public static Destination of(String host, int port) {
    if (port < 1 || port > Ports.LAST) {
      throw new IllegalArgumentException("a port is from 1 to 65535, not " + port);
    }
    var ascii = HostName.ascii(host);
    var address = Addresses.literal(ascii);
    return new Destination(
        address.map(InetAddress::getHostAddress).orElseGet(() -> HostName.checked(ascii)),
        address,
        port);
  }

  /// As a URL has it.
  public String authority() {
    return Addresses.authority(host, port);
  }
}
