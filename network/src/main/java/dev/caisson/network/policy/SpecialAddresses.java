package dev.caisson.network.policy;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// Addresses that are not some host's of the Internet, but of this machine, of a network nearby, or
/// of nobody.
///
/// They follow IANA's registries of special-purpose addresses (RFC 6890). Those that carry an
/// address of IPv4 are what that one is.
public final class SpecialAddresses {
  private static final Map<Cidr, String> KINDS = new LinkedHashMap<>();

  static {
    add("this machine's own (unspecified)", "0.0.0.0/8");
    add("a private network's", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16");
    add("a carrier's (CGNAT)", "100.64.0.0/10");
    add("this machine's own (loopback)", "127.0.0.0/8", "::1");
    add("of the link (link-local)", "169.254.0.0/16", "fe80::/10");
    add("of protocols", "192.0.0.0/24", "192.88.99.0/24", "2001::/23");
    add(
        "for documentation",
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001:db8::/32",
        "3fff::/20");
    add("for benchmarks", "198.18.0.0/15");
    add("of many at once (multicast)", "224.0.0.0/4", "ff00::/8");
    add("of everybody (broadcast)", "255.255.255.255");
    add("reserved", "240.0.0.0/4");
    add("this machine's own (unspecified)", "::");
    add("a private network's (unique local)", "fc00::/7");
    add("a private network's (site-local)", "fec0::/10");
    add("a private network's (NAT64)", "64:ff9b:1::/48");
  }

  /// Where those of IPv6 lie that are given to hosts of the Internet.
  private static final Cidr GLOBAL_UNICAST = Cidr.parse("2000::/3");

  /// Translated to IPv4 on the way; the last four bytes are that address.
  private static final Cidr NAT64 = Cidr.parse("64:ff9b::/96");

  /// The bytes from the third on are the address of IPv4 that it is sent to.
  private static final Cidr SIX_TO_FOUR = Cidr.parse("2002::/16");

  private SpecialAddresses() {}

  private static void add(String kind, String... networks) {
    for (var network : networks) {
      KINDS.put(Cidr.parse(network), kind);
    }
  }

  /// Whose it is, as the end of the sentence "the address is ..."; empty if it is a host's of the
  /// Internet.
  public static Optional<String> kind(InetAddress address) {
    var canonical = Addresses.canonical(address);
    for (var known : KINDS.entrySet()) {
      if (known.getKey().contains(canonical)) {
        return Optional.of(known.getValue());
      }
    }
    if (OwnAddresses.contains(canonical)) {
      return Optional.of("this machine's own");
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
        : Optional.of("outside of what is given to hosts of the Internet");
  }

  private static Optional<String> embedded(InetAddress address, int at) {
    byte[] bytes = address.getAddress();
    var inner = Addresses.of(Arrays.copyOfRange(bytes, at, at + 4));
    return kind(inner).map(kind -> "%s, as the one of %s".formatted(kind, inner.getHostAddress()));
  }
}
