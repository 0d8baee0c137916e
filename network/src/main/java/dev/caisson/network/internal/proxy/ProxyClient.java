package dev.caisson.network.internal.proxy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.Connection;
import dev.caisson.network.internal.relay.Relay;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;

/// One who has connected to a [BrokerProxy].
///
/// @param request until when it must have said what it wants
public record ProxyClient(
    StreamSocket socket, Input input, Broker broker, ProxyLimits limits, Deadline request) {
  private static final Duration LINGER = Duration.ofSeconds(1);
  private static final int MOST_LINGERING = 1 << 20;

  /// Is told when a client is waited for in the middle of its request.
  public interface Silence {
    /// It has said nothing more yet.
    void begins();

    /// It has said something, or its time is up.
    ///
    /// @return false if it has been evicted meanwhile
    boolean ends();
  }

  public static ProxyClient of(
      StreamSocket socket, Broker broker, ProxyLimits limits, Silence silence) {
    var request = Deadline.in(limits.request());
    Input.Source source =
        (buffer, offset, length) -> {
          if (!socket.ready()) {
            await(socket, request, silence);
          }
          return socket.recv(buffer, offset, length, request);
        };
    return new ProxyClient(socket, new Input(source), broker, limits, request);
  }

  private static void await(StreamSocket socket, Deadline request, Silence silence)
      throws IOException {
    boolean evicted = false;
    silence.begins();
    try {
      socket.fd().await(Set.of(PollEvent.IN), request.remaining(), "the rest of a request");
    } finally {
      evicted = !silence.ends();
    }
    if (evicted) {
      throw new HttpException(
          503, "the rest of the request did not come, and others need the connection");
    }
  }

  /// Connects for it, whatever was left of the time for its request.
  public Connection connect(String host, int port) throws IOException {
    return broker.connect(host, port, Deadline.in(Duration.ofDays(1)));
  }

  public void send(byte[] data) throws IOException {
    socket.send(data, Deadline.in(limits.request()));
  }

  public void send(String text) throws IOException {
    send(HttpBody.bytes(text));
  }

  /// Relays what it sends after its request, and what comes back.
  public void relay(Connection connection) throws IOException {
    connection.socket().send(input.rest(), Deadline.in(limits.idle()));
    Relay.run(socket, connection.socket(), limits.idle());
  }

  /// Lets it read the last that it was sent: closing a socket with something unread in it would
  /// throw that away.
  public void linger() throws IOException {
    socket.shutdownOutput();
    var rubbish = new byte[8192];
    var until = Deadline.in(LINGER);
    for (int left = MOST_LINGERING; left > 0; ) {
      int count = socket.recv(rubbish, 0, rubbish.length, until);
      if (count < 0) {
        return;
      }
      left -= count;
    }
  }
}
