package dev.caisson.network.policy;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import java.util.regex.Pattern;

/// Parses and formats addresses, in one canonical form.
public final class Addresses {
  private static final String OCTET = "(0|[1-9][0-9]{0,2})";
  private static final Pattern IPV4 = Pattern.compile("(" + OCTET + "\\.){3}" + OCTET);
  private static final Pattern IPV6 = Pattern.compile("[0-9a-f:.]*:[0-9a-f:.]*");

  private Addresses() {}

  /// Parses an address, with or without brackets for IPv6. Accepts neither short forms (`127.1`)
  /// nor zones (`fe80::1%eth0`).
  ///
  /// @param ascii the result of [HostName#ascii(String)]
  /// @return empty if the text is a name
  /// @throws IllegalArgumentException if the text has brackets or a colon but is not an IPv6
  ///   address, or is an IPv4 address with a number above 255
  public static Optional<InetAddress> literal(String ascii) {
    boolean brackets = ascii.startsWith("[") && ascii.endsWith("]");
    var text = brackets ? ascii.substring(1, ascii.length() - 1) : ascii;
    boolean four = !brackets && IPV4.matcher(text).matches();
    if (!four && !brackets && text.indexOf(':') < 0) {
      return Optional.empty();
    }
    if (!four && !IPV6.matcher(text).matches()) {
      throw new IllegalArgumentException("not an IPv6 address: " + HostName.printable(ascii));
    }
    try {
      return Optional.of(canonical(InetAddress.ofLiteral(text)));
    } catch (IllegalArgumentException unacceptable) {
      throw new IllegalArgumentException(
          "not an address: " + HostName.printable(ascii), unacceptable);
    }
  }

  /// Returns the address without name and zone. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`)
  /// becomes the IPv4 address.
  public static InetAddress canonical(InetAddress address) {
    return of(address.getAddress());
  }

  /// Creates an address from its 4 or 16 bytes.
  public static InetAddress of(byte[] bytes) {
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException wrongLength) {
      throw new AssertionError(wrongLength);
    }
  }

  /// Formats a name or address and a port, with brackets for IPv6.
  public static String authority(String host, int port) {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }

  /// Formats an address and its port.
  public static String text(InetSocketAddress address) {
    return authority(address.getAddress().getHostAddress(), address.getPort());
  }
}
