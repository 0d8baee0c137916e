package dev.caisson.sandbox;

import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.BrokerLimits;
import dev.caisson.network.broker.Decision;
import dev.caisson.network.broker.Resolver;
import dev.caisson.network.policy.NetworkPolicy;
import java.util.function.Consumer;

/// The network that a sandbox can reach.
///
/// Immutable; any number of runs may share an instance.
public sealed interface Network {
  /// No network: a network namespace with only a loopback device.
  Network NONE = new None();

  /// The host's whole network, including its abstract sockets and loopback services.
  Network HOST = new Host();

  /// See [#NONE].
  record None() implements Network {
    @Override
    public String toString() {
      return "none";
    }
  }

  /// See [#HOST].
  record Host() implements Network {
    @Override
    public String toString() {
      return "host";
    }
  }

  /// The destinations that a policy allows.
  ///
  /// @param log receives every decision, on the thread of the connection
  static Network brokered(NetworkPolicy policy, Consumer<? super Decision> log) {
    return new Brokered(new Broker(policy, Resolver.SYSTEM, BrokerLimits.DEFAULT, log));
  }

  /// The destinations that a policy allows. The JVM makes the connections; the sandbox itself has
  /// no route.
  ///
  /// Programs that use a proxy find one on the sandbox's loopback device, for HTTP and SOCKS5: by
  /// the variables `http_proxy` and `https_proxy`, and in Java by the `net.properties` of each JDK.
  /// Others use the endpoint `network`.
  ///
  /// @param broker decides, and makes the connections
  record Brokered(Broker broker) implements Network {
    @Override
    public String toString() {
      return "brokered";
    }
  }
}
