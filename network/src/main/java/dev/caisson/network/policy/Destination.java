package dev.caisson.network.policy;

import java.net.InetAddress;
import java.util.Optional;

/// A well-formed destination of a connection.
///
/// @param host a name in lower-case ASCII without a dot at its end, or an address
/// @param address the address; empty if the host is a name
/// @param port from 1 to 65,535
public record Destination(String host, Optional<InetAddress> address, int port) {
  /// Creates a destination from a name or address, and a port.
  ///
  /// @throws IllegalArgumentException if the host is neither a name nor an address, or the port is
  ///   not 1 to 65,535
  public static Destination of(String host, int port) {
    if (port < 1 || port > Ports.LAST) {
      throw new IllegalArgumentException("a port must be 1 to 65535, not " + port);
    }
    var ascii = HostName.ascii(host);
    var address = Addresses.literal(ascii);
    return new Destination(
        address.map(InetAddress::getHostAddress).orElseGet(() -> HostName.checked(ascii)),
        address,
        port);
  }

  /// The host and port as in a URL.
  public String authority() {
    return Addresses.authority(host, port);
  }
}
