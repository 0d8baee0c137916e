package dev.caisson.network;

import dev.caisson.linux.socket.StreamSocket;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Optional;

/// What the proxy makes of a client, without the listener and the threads that it otherwise comes
/// with: an execution must cost microseconds.
public final class Access {
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

  private Access() {}

  /// Serves one who has connected to its end, on this thread. The socket stays the caller's.
  ///
  /// @throws IOException why the connection is closed without a further answer
  public static void serve(StreamSocket client, Broker broker, ProxyLimits limits)
      throws IOException {
    ProxyClient.of(client, broker, limits, ALONE).serve();
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
