package dev.caisson.network.internal.proxy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.Connection;
import dev.caisson.network.broker.Requester;
import dev.caisson.network.internal.relay.Relay;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;

/// A client of a [BrokerProxy].
///
/// @param request the deadline for its whole request
/// @param silence reports when the client may be evicted
/// @param requester the client's process, for the log of the broker
public record ProxyClient(
    StreamSocket socket,
    Input input,
    Broker broker,
    ProxyLimits limits,
    Deadline request,
    Silence silence,
    Requester requester) {
  /// The silence after which a client that has been answered need not be waited for.
  private static final Duration LINGER = Duration.ofSeconds(1);

  private static final Duration LONGEST_LINGER = Duration.ofSeconds(30);
  private static final int BUFFER = 64 * 1024;

  /// A callback for the times in which a client may be evicted for others.
  public interface Silence {
    /// The reason why a client may be evicted.
    enum Reason {
      /// The client is silent in the middle of its request.
      REQUEST,
      /// The client has been answered, or one side of its tunnel has ended. The proxy only waits
      /// for the end of the connection.
      END
    }

    /// The client has become silent.
    ///
    /// @param eviction ends the wait; called at most once, on any thread, before [#ends()] returns
    void begins(Reason reason, Runnable eviction);

    /// The silence is over.
    ///
    /// @return false if the client has been evicted meanwhile
    boolean ends();
  }

  public static ProxyClient of(
      StreamSocket socket,
      Broker broker,
      ProxyLimits limits,
      Silence silence,
      Requester requester) {
    var request = Deadline.in(limits.request());
    Input.Source source =
        (buffer, offset, length) -> {
          if (!socket.ready()) {
            await(socket, request, silence);
          }
          return socket.recv(buffer, offset, length, request);
        };
    return new ProxyClient(socket, new Input(source), broker, limits, request, silence, requester);
  }

  private static void await(StreamSocket socket, Deadline request, Silence silence)
      throws IOException {
    boolean evicted = false;
    silence.begins(Silence.Reason.REQUEST, () -> endInput(socket));
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

  /// Ends the input of a client, so that its thread stops waiting.
  private static void endInput(StreamSocket socket) {
    try {
      socket.shutdownInput();
    } catch (SystemCallException | IllegalStateException gone) {
      // The connection has already ended.
    }
  }

  /// Connects for the client. The deadline for its request does not apply.
  public Connection connect(String host, int port) throws IOException {
    return broker.connect(host, port, Deadline.in(Duration.ofDays(1)), requester);
  }

  public void send(byte[] data) throws IOException {
    socket.send(data, Deadline.in(limits.request()));
  }

  public void send(String text) throws IOException {
    send(HttpBody.bytes(text));
  }

  /// Relays the bytes that the client sends after its request, and the bytes from the server. When
  /// one side has ended, the client may be evicted: it may be gone, and its server silent.
  public void relay(Connection connection) throws IOException {
    var thread = Thread.currentThread();
    try {
      connection.socket().send(input.rest(), Deadline.in(limits.idle()));
      Relay.run(
          socket,
          connection.socket(),
          limits.idle(),
          () -> silence.begins(Silence.Reason.END, thread::interrupt));
    } finally {
      silence.ends();
    }
  }

  /// Lets the client read the last response. Closing a socket with unread input would discard the
  /// response, so further input is read: until the client ends its connection, or is silent for a
  /// second, or for 30 seconds. A program that reads only after it has sent all then sees an early
  /// answer.
  public void linger() throws IOException {
    socket.shutdownOutput();
    silence.begins(Silence.Reason.END, () -> endInput(socket));
    try {
      var discarded = new byte[BUFFER];
      var until = Deadline.in(LONGEST_LINGER);
      while (!until.expired()) {
        if (socket.recv(discarded, 0, BUFFER, Deadline.in(LINGER)) < 0) {
          return;
        }
      }
    } finally {
      silence.ends();
    }
  }
}
