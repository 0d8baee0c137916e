package dev.caisson.network.policy;

import java.net.InetAddress;

/// The hosts of a rule.
public sealed interface Hosts {
  /// Whether the hosts include a name, regardless of its addresses.
  ///
  /// @param name in lower-case ASCII, without a dot at its end
  boolean containsName(String name);

  /// Whether the hosts include an address.
  boolean containsAddress(InetAddress address);

  /// One name, without the names below it.
  ///
  /// @param name in lower-case ASCII, without a dot at its end
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

  /// All names below a domain, without the domain itself.
  ///
  /// @param domain in lower-case ASCII, without a dot at its start or end
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

  /// All addresses of a network, including special ones, and no name.
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

  /// All hosts of the Internet, by name or address, without `localhost` and special addresses.
  record Internet() implements Hosts {
    @Override
    public boolean containsName(String name) {
      return !HostName.isLocalhost(name);
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
