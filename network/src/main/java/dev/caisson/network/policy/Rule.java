package dev.caisson.network.policy;

import java.util.regex.Pattern;

/// A rule that allows connections to some ports of some hosts.
public record Rule(Hosts hosts, Ports ports) {
  private static final Pattern PREFIX = Pattern.compile("[0-9]{1,3}");

  /// Parses a rule.
  ///
  /// | text | allows |
  /// | --- | --- |
  /// | `example.org:443` | that name |
  /// | `*.example.org:80,443`, `.example.org:80,443` | all names below it, not the name itself |
  /// | `192.0.2.1:8000-8999`, `[2001:db8::1]:443` | that address |
  /// | `10.0.0.0/8:5432`, `[2001:db8::]/32:*` | all addresses of a network, special or not |
  /// | `*:443` | every host of the Internet; no special address |
  ///
  /// @throws IllegalArgumentException if the text is not a rule; the message names the fault and
  ///   the correct form
  public static Rule parse(String text) {
    try {
      return parts(text.strip());
    } catch (IllegalArgumentException problem) {
      throw new IllegalArgumentException(
          "the rule \"%s\": %s".formatted(HostName.printable(text), problem.getMessage()), problem);
    }
  }

  private static Rule parts(String text) {
    if (text.contains("://")) {
      throw new IllegalArgumentException("a URL: write a host and its port, as example.org:443");
    }
    int colon = text.lastIndexOf(':');
    int bracket = text.lastIndexOf(']');
    if (bracket < 0 && text.indexOf(':') != colon) {
      throw new IllegalArgumentException(
          "an IPv6 address needs brackets, as [2001:db8::1]:443 or [2001:db8::]/32:443");
    }
    if (colon < 0 || colon < bracket) {
      throw new IllegalArgumentException(
          "no port: write %s:443, or :* for all ports".formatted(HostName.printable(text)));
    }
    return new Rule(hosts(text.substring(0, colon)), Ports.parse(text.substring(colon + 1)));
  }

  private static Hosts hosts(String text) {
    if (text.equals("*")) {
      return new Hosts.Internet();
    }
    int slash = text.indexOf('/');
    if (slash >= 0) {
      return new Hosts.Network(network(text.substring(0, slash), text.substring(slash + 1)));
    }
    if (text.startsWith("*.") || text.startsWith(".")) {
      var domain = text.substring(text.indexOf('.') + 1);
      return new Hosts.Below(HostName.checked(HostName.ascii(domain)));
    }
    if (text.indexOf('*') >= 0) {
      throw new IllegalArgumentException(
          "a * must stand alone, or before the first dot, as *.example.org:443");
    }
    var ascii = HostName.ascii(text);
    return Addresses.literal(ascii)
        .<Hosts>map(address -> new Hosts.Network(Cidr.of(address)))
        .orElseGet(() -> new Hosts.Name(HostName.checked(ascii)));
  }

  private static Cidr network(String address, String prefix) {
    if (prefix.endsWith("]")) {
      throw new IllegalArgumentException(
          "the prefix must follow the bracket, as [2001:db8::]/32:443");
    }
    var first =
        Addresses.literal(HostName.ascii(address))
            .orElseThrow(() ->
                new IllegalArgumentException(
                    "only an address has a prefix, as 10.0.0.0/8:5432; %s is a name"
                        .formatted(HostName.printable(address))));
    if (!PREFIX.matcher(prefix).matches()) {
      throw new IllegalArgumentException(
          "\"%s\" is not the length of a prefix, such as 8 in 10.0.0.0/8"
              .formatted(HostName.printable(prefix)));
    }
    return new Cidr(first, Integer.parseInt(prefix));
  }

  /// Formats the rule for [#parse(String)].
  @Override
  public String toString() {
    return hosts + ":" + ports;
  }
}
