package dev.caisson.network.broker;

import dev.caisson.network.policy.Addresses;
import dev.caisson.network.policy.NetworkRefusedException.Reason;
import dev.caisson.network.policy.Rule;
import java.net.InetAddress;
import java.util.Optional;

/// A decision of the broker, for a log: first about a name, and then about each of its addresses
/// that is tried.
public sealed interface Decision {
  /// The requested host: a name in lower-case ASCII, an address, or the printable form of an
  /// invalid host.
  String host();

  /// The requested port, even if it is not a valid port.
  int port();

  /// The address that the decision is about; empty for a decision about a name.
  Optional<InetAddress> address();

  /// The policy allows the host or address. The broker continues with the lookup or connection.
  ///
  /// @param rule the rule that allows it
  record Allowed(String host, int port, Optional<InetAddress> address, Rule rule)
      implements Decision {
    /// A line for a log.
    @Override
    public String toString() {
      return "network: allowed %s by the rule %s".formatted(what(this), rule);
    }
  }

  /// The broker refuses the host or address. It may still connect to other addresses of the name.
  ///
  /// @param explanation the message for the client
  record Refused(
      String host, int port, Optional<InetAddress> address, Reason reason, String explanation)
      implements Decision {
    /// A line for a log.
    @Override
    public String toString() {
      return "network: refused %s: %s".formatted(what(this), explanation);
    }
  }

  /// The policy allowed the connection, but it failed: the name has no address, or no address
  /// accepted a connection.
  ///
  /// @param explanation the error, as far as it is known
  record Failed(String host, int port, Optional<InetAddress> address, String explanation)
      implements Decision {
    /// A line for a log.
    @Override
    public String toString() {
      return "network: no connection to %s: %s".formatted(what(this), explanation);
    }
  }

  private static String what(Decision decision) {
    return Addresses.authority(decision.host(), decision.port())
        + decision.address().map(address -> " at " + address.getHostAddress()).orElse("");
  }
}
