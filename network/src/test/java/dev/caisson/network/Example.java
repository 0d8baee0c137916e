package dev.caisson.network;

import dev.caisson.linux.mount.NetworkNamespace;
import dev.caisson.linux.socket.TcpListener;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.BrokerLimits;
import dev.caisson.network.broker.Resolver;
import dev.caisson.network.internal.proxy.BrokerProxy;
import dev.caisson.network.internal.proxy.ProxyLimits;
import dev.caisson.network.policy.NetworkPolicy;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;

/// The examples of the documentation.
final class Example {
  private Example() {}

  // @start region="proxy"
  /// Lets the programs in the network namespace of a process reach a mirror, with
  /// `http_proxy=http://127.0.0.1:3128`.
  static BrokerProxy proxy(long pid) throws IOException {
    var policy = NetworkPolicy.parse(List.of("mirror.example.net:80,443", "*.example.org:443"));
    var broker =
        new Broker(
            policy,
            Resolver.SYSTEM,
            BrokerLimits.DEFAULT,
            decision -> System.err.println(decision));
    var address = new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 3128);
    try (var network = NetworkNamespace.of(pid)) {
      var listener = TcpListener.inNetworkOf(network, address, 64);
      return BrokerProxy.serve(listener, broker, ProxyLimits.DEFAULT);
    }
  }
  // @end
}
