package dev.caisson.network.broker;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;

/// Finds the addresses of a name. Called by many threads at once. May block; its thread is
/// interrupted when the caller gives up.
@FunctionalInterface
public interface Resolver {
  /// This machine's resolver, including `/etc/hosts`.
  Resolver SYSTEM = host -> List.of(InetAddress.getAllByName(host));

  /// Looks up a name.
  ///
  /// @param host in lower-case ASCII, without a dot at its end; never an address
  /// @return at least one address, in the order in which the broker tries them
  /// @throws UnknownHostException if the name has no address
  List<InetAddress> resolve(String host) throws UnknownHostException;
}
