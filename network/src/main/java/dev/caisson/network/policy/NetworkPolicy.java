package dev.caisson.network.policy;

import dev.caisson.network.policy.NetworkRefusedException.Reason;
import java.net.InetAddress;
import java.util.List;

/// The allowed destinations of connections. A destination that no rule allows is refused.
///
/// A name is looked up only after a rule allows it. A lookup sends the name to other machines, so a
/// sandbox could leak data in the names that it asks for.
///
/// An allowed name may resolve to any addresses of the Internet. A special address (of this
/// machine, of a private network, link-local...) needs its own rule as well: the owner of a name
/// decides which addresses it has.
///
/// @param rules in any order
public record NetworkPolicy(List<Rule> rules) {
  /// Allows no connection.
  public static final NetworkPolicy NONE = new NetworkPolicy(List.of());

  private static final List<InetAddress> LOOPBACK =
      List.of(InetAddress.ofLiteral("127.0.0.1"), InetAddress.ofLiteral("::1"));

  /// Copies the list.
  public NetworkPolicy {
    rules = List.copyOf(rules);
  }

  /// Parses rules, each as [Rule#parse(String)] does.
  ///
  /// @throws IllegalArgumentException if a rule is invalid; the message names the fault and the
  ///   correct form
  public static NetworkPolicy parse(List<String> rules) {
    return new NetworkPolicy(rules.stream().map(Rule::parse).toList());
  }

  /// Whether a rule allows a host, at any port.
  ///
  /// @throws IllegalArgumentException if the host is neither a name nor an address
  public boolean mentions(String host) {
    int any = 1;
    var destination = Destination.of(host, any);
    return rules.stream().anyMatch(rule -> isFor(rule.hosts(), destination));
  }

  /// Whether a rule names a loopback address or a name of one, meaning the host's.
  public boolean mentionsLoopback() {
    return rules.stream()
        .anyMatch(rule ->
            switch (rule.hosts()) {
              case Hosts.Name(var name) -> HostName.isLocalhost(name);
              case Hosts.Below(var domain) -> HostName.isLocalhost(domain);
              case Hosts.Network(var cidr) ->
                  cidr.network().isLoopbackAddress() || LOOPBACK.stream().anyMatch(cidr::contains);
              case Hosts.Internet() -> false;
            });
  }

  private static boolean isFor(Hosts hosts, Destination destination) {
    return destination.address().isPresent()
        ? hosts.containsAddress(destination.address().get())
        : hosts.containsName(destination.host());
  }

  /// Checks a destination before any lookup.
  public Verdict check(Destination destination) {
    var ofHost = rules.stream().filter(rule -> isFor(rule.hosts(), destination)).toList();
    for (var rule : ofHost) {
      if (rule.ports().contains(destination.port())) {
        return new Verdict.Allowed(rule);
      }
    }
    var authority = destination.authority();
    return ofHost.isEmpty()
        ? new Verdict.Refused(
            Reason.HOST, "no rule allows %s. %s".formatted(authority, remedy(authority)))
        : new Verdict.Refused(
            Reason.PORT,
            "no rule allows %s, only %s. %s"
                .formatted(authority, ofHost.getFirst(), remedy(authority)));
  }

  /// Checks an address of an allowed name, after the lookup.
  ///
  /// @param byName the rule that allows the name
  public Verdict check(Destination destination, InetAddress address, Rule byName) {
    for (var rule : rules) {
      if (rule.hosts() instanceof Hosts.Network network
          && network.containsAddress(address)
          && rule.ports().contains(destination.port())) {
        return new Verdict.Allowed(rule);
      }
    }
    return SpecialAddresses.kind(address)
        .<Verdict>map(kind ->
            new Verdict.Refused(
                Reason.ADDRESS,
                "%s resolves to %s, which is %s. %s"
                    .formatted(
                        destination.host(),
                        address.getHostAddress(),
                        kind,
                        remedy(Addresses.authority(address.getHostAddress(), destination.port())))))
        .orElseGet(() -> new Verdict.Allowed(byName));
  }

  /// The rule that would allow a destination, as an option of `caisson run`.
  private static String remedy(String authority) {
    return "Allow it with --allow-host " + authority;
  }
}
