package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.TcpListener;
import dev.caisson.network.Broker;
import dev.caisson.network.BrokerProxy;
import dev.caisson.network.ForeignListener;
import dev.caisson.network.ProxyLimits;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;

/// The proxy on the loopback device of a sandbox.
///
/// Its socket is in the sandbox's network namespace, but it is the JVM that listens: nothing runs
/// in the sandbox for it.
final class SandboxProxy implements AutoCloseable {
  private static final int PORT = 3128;
  private static final int BACKLOG = 128;

  /// How programs are told of it; the usual ones heed the small letters.
  static final Map<String, String> VARIABLES =
      Map.of(
          "http_proxy", "http://127.0.0.1:" + PORT,
          "https_proxy", "http://127.0.0.1:" + PORT,
          "all_proxy", "socks5h://127.0.0.1:" + PORT,
          "no_proxy", "localhost,127.0.0.1,::1");

  private final BrokerProxy proxy;

  private SandboxProxy(BrokerProxy proxy) {
    this.proxy = proxy;
  }

  /// @param init a process of the sandbox, which is held back as long as this takes
  static SandboxProxy start(int init, Broker broker) throws IOException {
    var listener =
        Privilege.ofThisProcess() == Privilege.ROOT
            ? listen(init)
            : ForeignListener.listen(init, PORT);
    return new SandboxProxy(BrokerProxy.serve(listener, broker, ProxyLimits.DEFAULT));
  }

  private static TcpListener listen(int init) throws IOException {
    try (var namespace = Fd.open(Path.of("/proc/" + init + "/ns/net"))) {
      var address =
          new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), PORT);
      return TcpListener.inNetworkOf(namespace, address, BACKLOG);
    }
  }

  @Override
  public void close() {
    proxy.close();
  }
}
