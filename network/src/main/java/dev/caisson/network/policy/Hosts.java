package dev.caisson.network.policy;

import java.net.InetAddress;

/// The hosts of a rule.
public sealed interface Hosts {
  /// Whether a name is among them, whatever its addresses are.
  ///
  /// @param name in lower case and ASCII, without a dot at its end
  boolean containsName(String name);

  /// Whether an address is among them, of whatever kind it is.
  boolean containsAddress(InetAddress address);

  /// One name, and none below it.
  ///
  /// @param name in lower case and ASCII, without a dot at its end
  record Name(String name) implements Hosts {
    @Override
    public boolean containsName(String other) {
      return name.equals(other);
    }

    @Override
    public boolean containsAddress(InetAddress address) {
      return false;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /// All names below one, but not that one itself.
  ///
  /// @param domain in lower case and ASCII, with neither a dot at its beginning nor at its end
  record Below(String domain) implements Hosts {
    @Override
    public boolean containsName(String other) {
      return other.endsWith("." + domain);
    }

    @Override
    public boolean containsAddress(InetAddress address) {
      return false;
    }

    @Override
    public String toString() {
      return "*." + domain;
    }
  }

  /// All addresses of a network, special ones included; no name.
  record Network(Cidr cidr) implements Hosts {
    @Override
    public boolean containsName(String name) {
      return false;
    }

    @Override
    public boolean containsAddress(InetAddress address) {
      return cidr.contains(address);
    }

    @Override
    public String toString() {
      return cidr.toString();
    }
  }

  /// Every host of the Internet, by name or address; of special addresses none.
  record Internet() implements Hosts {
    @Override
    public boolean containsName(String name) {
      return true;
    }

    @Override
    public boolean containsAddress(InetAddress address) {
      return SpecialAddresses.kind(address).isEmpty();
    }

    @Override
    public String toString() {
      return "*";
    }
  }
}
