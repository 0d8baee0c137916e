package dev.caisson.fuzz;

import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.network.broker.Broker;
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

/// What the proxy makes of a client, without the listener and the threads that it otherwise comes
/// with: an execution must cost microseconds.
final class ProxyAccess {
  /// Nobody else is there, so nobody is evicted.
  private static final ProxyClient.Silence ALONE =
      new ProxyClient.Silence() {
        @Override
        public void begins() {}

        @Override
        public boolean ends() {
          return true;
        }
      };

  private ProxyAccess() {}

  /// Serves one who has connected to its end, on this thread. The socket stays the caller's.
  ///
  /// @throws IOException why the connection is closed without a further answer
  public static void serve(StreamSocket client, Broker broker, ProxyLimits limits)
      throws IOException {
    ProxyProtocol.serve(ProxyClient.of(client, broker, limits, ALONE));
  }

  /// What an origin would be sent.
  ///
  /// @param authority of the origin, as it was checked
  /// @param whole whether the connection would go on; else it is broken off after that
  @SuppressWarnings("ArrayRecordComponent") // handed on, never compared
  public record PassedOn(String authority, byte[] data, boolean whole) {}

  /// What is passed on of the first request that a client sends, if it may be.
  ///
  /// @param piece how many bytes come at a time
  /// @return empty for what is no request to be passed on
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
