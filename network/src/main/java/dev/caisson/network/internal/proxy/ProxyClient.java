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

/// A client of a [BrokerProxy].
///
/// @param request the deadline for its whole request
public record ProxyClient(
    StreamSocket socket, Input input, Broker broker, ProxyLimits limits, Deadline request) {
  private static final Duration LINGER = Duration.ofSeconds(1);
  private static final int MOST_LINGERING = 1 << 20;

  /// A callback for the silence of a client in the middle of its request.
  public interface Silence {
    /// The client has become silent.
    void begins();

    /// The client has sent bytes, or its deadline has passed.
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
          503, "the request is incomplete, and the connection is needed for other clients");
    }
  }

  /// Connects for the client. The deadline for its request does not apply.
  public Connection connect(String host, int port) throws IOException {
    return broker.connect(host, port, Deadline.in(Duration.ofDays(1)));
  }

  public void send(byte[] data) throws IOException {
    socket.send(data, Deadline.in(limits.request()));
  }

  public void send(String text) throws IOException {
    send(HttpBody.bytes(text));
  }

  /// Relays the bytes that the client sends after its request, and the bytes from the server.
  public void relay(Connection connection) throws IOException {
    connection.socket().send(input.rest(), Deadline.in(limits.idle()));
    Relay.run(socket, connection.socket(), limits.idle());
  }

  /// Gives the client time to read the last response: at most a second and 1 MiB of further input.
  /// Closing a socket with unread input would discard the response.
  public void linger() throws IOException {
    socket.shutdownOutput();
    var discarded = new byte[8192];
    var until = Deadline.in(LINGER);
    for (int left = MOST_LINGERING; left > 0; ) {
      int count = socket.recv(discarded, 0, discarded.length, until);
      if (count < 0) {
        return;
      }
      left -= count;
    }
  }
}
