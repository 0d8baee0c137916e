package dev.caisson.network.policy;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import java.util.regex.Pattern;

/// Addresses as texts, in the one form that each has here.
public final class Addresses {
  private static final String OCTET = "(0|[1-9][0-9]{0,2})";
  private static final Pattern IPV4 = Pattern.compile("(" + OCTET + "\\.){3}" + OCTET);
  private static final Pattern IPV6 = Pattern.compile("[0-9a-f:.]*:[0-9a-f:.]*");

  private Addresses() {}

  /// The address that a text is, if it is one: neither shortened (`127.1`) nor with a zone
  /// (`fe80::1%eth0`); with or without brackets for IPv6.
  ///
  /// @param ascii of [HostName#ascii(String)]
  /// @throws IllegalArgumentException if it has brackets but no IPv6 address in them
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

  /// Without name and zone; one of IPv4 that is written as one of IPv6 (`::ffff:192.0.2.1`) is the
  /// former.
  public static InetAddress canonical(InetAddress address) {
    return of(address.getAddress());
  }

  /// The address of its 4 or 16 bytes.
  public static InetAddress of(byte[] bytes) {
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException wrongLength) {
      throw new AssertionError(wrongLength);
    }
  }

  /// A host, by name or address, and a port.
  public static String authority(String host, int port) {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }

  /// An address and its port, as text.
  public static String text(InetSocketAddress address) {
    return authority(address.getAddress().getHostAddress(), address.getPort());
  }
}
