package dev.caisson.network.policy;

import java.net.InetAddress;

/// A range of addresses with a common prefix. See RFC 4632.
///
/// @param network the first address
/// @param prefix the length of the prefix in bits
public record Cidr(InetAddress network, int prefix) {
  /// @throws IllegalArgumentException if the prefix is too long, or the network has bits beyond the
  ///   prefix
  public Cidr {
    network = Addresses.canonical(network);
    int bits = network.getAddress().length * 8;
    if (prefix < 0 || prefix > bits) {
      throw new IllegalArgumentException(
          "the prefix of %s must be 0 to %d, not %d"
              .formatted(network.getHostAddress(), bits, prefix));
    }
    var first = first(network, prefix);
    if (!first.equals(network)) {
      throw new IllegalArgumentException(
          "%s/%d has bits beyond its prefix: write %s/%d"
              .formatted(network.getHostAddress(), prefix, first.getHostAddress(), prefix));
    }
  }

  /// Creates a range of one address.
  public static Cidr of(InetAddress address) {
    var canonical = Addresses.canonical(address);
    return new Cidr(canonical, canonical.getAddress().length * 8);
  }

  /// Parses a range.
  ///
  /// @param text such as `10.0.0.0/8`, `2001:db8::/32`; without a prefix, one address
  public static Cidr parse(String text) {
    int slash = text.indexOf('/');
    var address = InetAddress.ofLiteral(slash < 0 ? text : text.substring(0, slash));
    return slash < 0 ? of(address) : new Cidr(address, Integer.parseInt(text.substring(slash + 1)));
  }

  /// Whether the range contains an address.
  public boolean contains(InetAddress address) {
    var canonical = Addresses.canonical(address);
    return canonical.getAddress().length == network.getAddress().length
        && first(canonical, prefix).equals(network);
  }

  private static InetAddress first(InetAddress address, int prefix) {
    byte[] bytes = address.getAddress();
    for (int i = 0; i < bytes.length; i++) {
      int kept = Math.clamp(prefix - 8L * i, 0, 8);
      bytes[i] &= (byte) (0xff00 >> kept);
    }
    return Addresses.of(bytes);
  }

  @Override
  public String toString() {
    var text = network.getHostAddress();
    boolean single = prefix == network.getAddress().length * 8;
    var bracketed = text.indexOf(':') >= 0 ? "[" + text + "]" : text;
    return single ? bracketed : bracketed + "/" + prefix;
  }
}
