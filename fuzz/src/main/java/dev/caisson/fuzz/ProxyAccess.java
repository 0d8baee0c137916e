package dev.caisson.fuzz;

import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.Requester;
import dev.caisson.network.internal.proxy.HttpBody;
import dev.caisson.network.internal.proxy.HttpRequest;
import dev.caisson.network.internal.proxy.Input;
import dev.caisson.network.internal.proxy.ProxyClient;
import dev.caisson.network.internal.proxy.ProxyLimits;
import dev.caisson.network.internal.proxy.ProxyProtocol;
import dev.caisson.network.policy.Destination;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Optional;

/// Access to the proxy's handling of a client, without its listener and threads: an execution must
/// cost microseconds.
final class ProxyAccess {
  /// There are no other clients, so no client is evicted.
  private static final ProxyClient.Silence ALONE =
      new ProxyClient.Silence() {
        @Override
        public void begins(Reason reason, Runnable eviction) {}

        @Override
        public boolean ends() {
          return true;
        }
      };

  private ProxyAccess() {}

  /// Serves a connected client to its end, on this thread. The caller keeps the socket.
  ///
  /// @throws IOException if the connection is closed without a further answer
  public static void serve(StreamSocket client, Broker broker, ProxyLimits limits)
      throws IOException {
    ProxyProtocol.serve(ProxyClient.of(client, broker, limits, ALONE, Requester.UNKNOWN));
  }

  /// The bytes that would be sent to an origin.
  ///
  /// @param authority the authority of the origin, as it was checked
  /// @param whole whether the request is complete; otherwise the connection is broken off after
  ///   these bytes
  @SuppressWarnings("ArrayRecordComponent") // handed on, never compared
  public record PassedOn(String authority, byte[] data, boolean whole) {}

  /// The bytes that the proxy forwards of the first request of a client.
  ///
  /// @param piece how many bytes arrive at a time
  /// @return empty if the input is not a request to forward
  public static Optional<PassedOn> passedOn(byte[] sent, int piece) throws IOException {
    var stream = new ByteArrayInputStream(sent);
    var input = new Input((buffer, at, length) -> stream.read(buffer, at, Math.min(length, piece)));
    HttpRequest request;
    HttpBody body;
    Destination destination;
    try {
      request = HttpRequest.parse(input.head());
      body = HttpBody.of(request.fields());
      destination = Destination.of(request.host(), request.port());
    } catch (IOException | IllegalArgumentException refused) {
      return Optional.empty();
    }
    if (request.tunnel()) {
      return Optional.empty();
    }
    var data = new ByteArrayOutputStream();
    data.write(HttpBody.bytes(request.forOrigin()));
    boolean whole = true;
    try {
      body.forward(input, data::write);
    } catch (IOException broken) {
      whole = false;
    }
    return Optional.of(new PassedOn(destination.authority(), data.toByteArray(), whole));
  }
}
