package dev.caisson.network.broker;

import dev.caisson.network.policy.Addresses;
import dev.caisson.network.policy.NetworkRefusedException.Reason;
import dev.caisson.network.policy.Rule;
import java.net.InetAddress;
import java.util.Optional;

/// Whether something may be connected to, for a log: of a name first, and then of each of its
/// addresses that is come to.
public sealed interface Decision {
  /// Who was asked for: a name in lower case and ASCII, an address, or whatever a stranger has sent
  /// instead, made printable.
  String host();

  /// At which port; what was asked for, even if there is none of that number.
  int port();

  /// Which address was come to, if any.
  Optional<InetAddress> address();

  /// A connection to the address is tried next.
  ///
  /// @param rule by which
  record Allowed(String host, int port, Optional<InetAddress> address, Rule rule)
      implements Decision {
    /// A line for a log.
    @Override
    public String toString() {
      return "network: allowed %s by the rule %s".formatted(what(this), rule);
    }
  }

  /// A name or address is not connected to; of an address others of the same name may be.
  ///
  /// @param explanation what whoever asked is told
  record Refused(
      String host, int port, Optional<InetAddress> address, Reason reason, String explanation)
      implements Decision {
    /// A line for a log.
    @Override
    public String toString() {
      return "network: refused %s: %s".formatted(what(this), explanation);
    }
  }

  /// It was allowed, and there is no connection all the same: the name has no address, or nobody
  /// answers there.
  ///
  /// @param explanation why, as far as it is known
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
