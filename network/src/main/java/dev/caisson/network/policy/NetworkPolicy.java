package dev.caisson.network.policy;

import dev.caisson.network.policy.NetworkRefusedException.Reason;
import java.net.InetAddress;
import java.util.List;

/// What may be connected to. What no rule allows is refused.
///
/// A name is not looked up before a rule allows it: looking it up would tell it to strangers, and
/// so could carry out what a sandbox is not to tell.
///
/// An allowed name may have any addresses of the Internet. Where it leads to a special one (of this
/// machine, of a private network, of the link...), that address must be allowed by a rule of its
/// own, too: who owns a name decides where it leads to.
///
/// @param rules in any order
public record NetworkPolicy(List<Rule> rules) {
  /// Nothing may be connected to.
  public static final NetworkPolicy NONE = new NetworkPolicy(List.of());

  /// Keeps a copy.
  public NetworkPolicy {
    rules = List.copyOf(rules);
  }

  /// Reads rules, each as [Rule#parse(String)].
  ///
  /// @throws IllegalArgumentException if one of them is none; the message says what is wrong, and
  ///   what is right
  public static NetworkPolicy parse(List<String> rules) {
    return new NetworkPolicy(rules.stream().map(Rule::parse).toList());
  }

  /// Whether there is a rule for a host, whatever the port.
  ///
  /// @throws IllegalArgumentException if it is neither a name nor an address
  public boolean mentions(String host) {
    int any = 1;
    var destination = Destination.of(host, any);
    return rules.stream().anyMatch(rule -> isFor(rule.hosts(), destination));
  }

  private static boolean isFor(Hosts hosts, Destination destination) {
    return destination.address().isPresent()
        ? hosts.containsAddress(destination.address().get())
        : hosts.containsName(destination.host());
  }

  /// Before anything is looked up.
  public Verdict check(Destination destination) {
    var ofHost = rules.stream().filter(rule -> isFor(rule.hosts(), destination)).toList();
    for (var rule : ofHost) {
      if (rule.ports().contains(destination.port())) {
        return new Verdict.Allowed(rule);
      }
    }
    var authority = destination.authority();
    return ofHost.isEmpty()
        ? new Verdict.Refused(Reason.HOST, "no rule allows " + authority)
        : new Verdict.Refused(
            Reason.PORT, "no rule allows %s, only %s".formatted(authority, ofHost.getFirst()));
  }

  /// Once an allowed name has been looked up.
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
                "%s leads to %s, and that address is %s; if that is wanted, allow it with the rule %s"
                    .formatted(
                        destination.host(),
                        address.getHostAddress(),
                        kind,
                        Addresses.authority(address.getHostAddress(), destination.port()))))
        .orElseGet(() -> new Verdict.Allowed(byName));
  }
}
