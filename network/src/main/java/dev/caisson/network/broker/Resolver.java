package dev.caisson.network.broker;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;

/// Finds the addresses of a name. Called by many threads at once; may block, and is interrupted
/// when nobody waits for it any more.
@FunctionalInterface
public interface Resolver {
  /// What this machine is set up with, `/etc/hosts` included.
  Resolver SYSTEM = host -> List.of(InetAddress.getAllByName(host));

  /// Looks a name up.
  ///
  /// @param host in lower case and ASCII, without a dot at its end; never an address
  /// @return at least one, in the order in which they are to be tried
  /// @throws UnknownHostException if it has none
  List<InetAddress> resolve(String host) throws UnknownHostException;
}
