package dev.caisson.network.internal.proxy;

import java.io.IOException;

/// Selects the protocol of a client, HTTP or SOCKS, by its first byte.
public final class ProxyProtocol {
  private static final int SOCKS5 = 5;

  private ProxyProtocol() {}

  /// Serves a client to its end. The caller closes the socket.
  public static void serve(ProxyClient client) throws IOException {
    var first = client.input().peek();
    if (first.isEmpty()) {
      return;
    }
    if (first.getAsInt() == SOCKS5) {
      new Socks5(client).serve();
    } else {
      new HttpProxy(client).serve();
    }
  }
}
