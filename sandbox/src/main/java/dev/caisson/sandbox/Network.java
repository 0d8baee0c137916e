package dev.caisson.sandbox;

import dev.caisson.network.Broker;
import dev.caisson.network.BrokerLimits;
import dev.caisson.network.Decision;
import dev.caisson.network.NetworkPolicy;
import dev.caisson.network.Resolver;
import java.util.function.Consumer;

/// What a sandbox can reach.
///
/// Immutable; any number of runs may share one.
public sealed interface Network {
  /// Nothing but itself: a network namespace with a loopback device alone.
  Network NONE = new None();

  /// All that the host can reach, its abstract sockets and loopback services among it.
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

  /// What a policy allows.
  ///
  /// @param log hears every decision, on the thread of the connection
  static Network brokered(NetworkPolicy policy, Consumer<? super Decision> log) {
    return new Brokered(new Broker(policy, Resolver.SYSTEM, BrokerLimits.DEFAULT, log));
  }

  /// What a policy allows, by connections that the JVM makes: the sandbox itself has no route.
  ///
  /// Programs that use a proxy find one on the sandbox's loopback device, for HTTP and SOCKS5, by
  /// the variables `http_proxy`, `https_proxy` and `all_proxy`; others ask the endpoint `network`.
  ///
  /// @param broker who decides, and connects
  record Brokered(Broker broker) implements Network {
    @Override
    public String toString() {
      return "brokered";
    }
  }
}
