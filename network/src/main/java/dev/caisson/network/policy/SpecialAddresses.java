package dev.caisson.network.policy;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// Addresses that do not belong to a host of the Internet, but to this machine or a local network,
/// or are not assigned to a host.
///
/// The ranges follow IANA's registries of special-purpose addresses (RFC 6890). An address that
/// embeds an IPv4 address has the kind of that address.
public final class SpecialAddresses {
  private static final Map<Cidr, String> KINDS = new LinkedHashMap<>();

  static {
    add("an address of this machine (unspecified)", "0.0.0.0/8");
    add("a private address", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16");
    add("a carrier's address (CGNAT)", "100.64.0.0/10");
    add("an address of this machine (loopback)", "127.0.0.0/8", "::1");
    add("a link-local address", "169.254.0.0/16", "fe80::/10");
    add("reserved for protocols", "192.0.0.0/24", "192.88.99.0/24", "2001::/23");
    add(
        "reserved for documentation",
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001:db8::/32",
        "3fff::/20");
    add("reserved for benchmarks", "198.18.0.0/15");
    add("a multicast address", "224.0.0.0/4", "ff00::/8");
    add("the broadcast address", "255.255.255.255");
    add("reserved", "240.0.0.0/4");
    add("an address of this machine (unspecified)", "::");
    add("a private address (unique local)", "fc00::/7");
    add("a private address (site-local)", "fec0::/10");
    add("a private address (NAT64)", "64:ff9b:1::/48");
  }

  /// The IPv6 range that is assigned to hosts of the Internet.
  private static final Cidr GLOBAL_UNICAST = Cidr.parse("2000::/3");

  /// Translated to IPv4 on the way. The last four bytes are the IPv4 address.
  private static final Cidr NAT64 = Cidr.parse("64:ff9b::/96");

  /// Sent to an IPv4 address, which starts at the third byte.
  private static final Cidr SIX_TO_FOUR = Cidr.parse("2002::/16");

  private SpecialAddresses() {}

  private static void add(String kind, String... networks) {
    for (var network : networks) {
      KINDS.put(Cidr.parse(network), kind);
    }
  }

  /// Returns the kind of a special address, as the end of the sentence "the address is ..."; empty
  /// for an address of a host of the Internet.
  public static Optional<String> kind(InetAddress address) {
    var canonical = Addresses.canonical(address);
    for (var known : KINDS.entrySet()) {
      if (known.getKey().contains(canonical)) {
        return Optional.of(known.getValue());
      }
    }
    if (OwnAddresses.contains(canonical)) {
      return Optional.of("an address of this machine");
    }
    if (canonical instanceof Inet4Address) {
      return Optional.empty();
    }
    if (NAT64.contains(canonical)) {
      return embedded(canonical, 12);
    }
    if (SIX_TO_FOUR.contains(canonical)) {
      return embedded(canonical, 2);
    }
    return GLOBAL_UNICAST.contains(canonical)
        ? Optional.empty()
        : Optional.of("outside the range of Internet hosts (2000::/3)");
  }

  private static Optional<String> embedded(InetAddress address, int at) {
    byte[] bytes = address.getAddress();
    var inner = Addresses.of(Arrays.copyOfRange(bytes, at, at + 4));
    return kind(inner)
        .map(kind -> "%s, because it embeds %s".formatted(kind, inner.getHostAddress()));
  }
}
