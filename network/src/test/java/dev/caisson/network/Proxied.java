package dev.caisson.network;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.BrokerLimits;
import dev.caisson.network.broker.Decision;
import dev.caisson.network.internal.proxy.BrokerProxy;
import dev.caisson.network.internal.proxy.ProxyLimits;
import dev.caisson.network.policy.NetworkPolicy;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/// A proxy with a broker, a resolver and a log, and a test client.
public final class Proxied implements AutoCloseable {
  public static final Duration LONG = Origin.LONG;

  public final Names names = new Names().with("origin.test", "127.0.0.1");
  public final Queue<Decision> log = new ConcurrentLinkedQueue<>();
  public final Broker broker;
  private final BrokerProxy proxy;
  private final int port;

  public Proxied(ProxyLimits limits, BrokerLimits brokerLimits, String... rules)
      throws IOException {
    broker = new Broker(NetworkPolicy.parse(List.of(rules)), names, brokerLimits, log::add);
    var listener = Origin.loopback();
    port = listener.port();
    proxy = BrokerProxy.serve(listener, broker, limits);
  }

  public Proxied(String... rules) throws IOException {
    this(ProxyLimits.DEFAULT, BrokerLimits.DEFAULT, rules);
  }

  /// Creates a proxy that allows the name `origin.test` at the port of a server.
  public static Proxied of(Origin origin) throws IOException {
    return new Proxied("origin.test:" + origin.port(), "127.0.0.1:" + origin.port());
  }

  public int port() {
    return port;
  }

  public StreamSocket connect() throws IOException {
    return StreamSocket.connect(
        new java.net.InetSocketAddress(java.net.InetAddress.ofLiteral("127.0.0.1"), port),
        Deadline.in(LONG));
  }

  /// Sends a request, and returns all bytes of the response until the end.
  public String exchange(byte[] request) throws IOException {
    try (var socket = connect()) {
      socket.send(request, Deadline.in(LONG));
      return all(socket);
    }
  }

  public String exchange(String request) throws IOException {
    return exchange(request.getBytes(ISO_8859_1));
  }

  public static String all(StreamSocket socket) throws IOException {
    var bytes = new ByteArrayOutputStream();
    var buffer = new byte[65536];
    for (int n; (n = socket.recv(buffer, 0, buffer.length, Deadline.in(LONG))) >= 0; ) {
      bytes.write(buffer, 0, n);
    }
    return bytes.toString(ISO_8859_1);
  }

  public static String exactly(StreamSocket socket, int length) throws IOException {
    var buffer = new byte[length];
    for (int done = 0; done < length; ) {
      int n = socket.recv(buffer, done, length - done, Deadline.in(LONG));
      assertThat(n).as("the connection ended").isPositive();
      done += n;
    }
    return new String(buffer, ISO_8859_1);
  }

  @Override
  public void close() {
    proxy.close();
  }
}
