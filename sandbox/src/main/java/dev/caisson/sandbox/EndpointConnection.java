package dev.caisson.sandbox;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// The connection that a message arrived on.
///
/// Several threads may call [#peer]; one thread at a time may [#send].
public final class EndpointConnection {
  private static final Duration SEND = Duration.ofSeconds(10);

  private final JsonChannel channel;
  private final UnixSocket.Credentials peer;

  EndpointConnection(JsonChannel channel, UnixSocket.Credentials peer) {
    this.channel = channel;
    this.peer = peer;
  }

  /// The peer's process and user, as the host numbers them.
  public UnixSocket.Credentials peer() {
    return peer;
  }

  /// Sends a reply. The descriptors stay the caller's.
  ///
  /// @throws dev.caisson.linux.DeadlineException if the peer does not read for ten seconds
  public void send(JsonNode value, List<Fd> descriptors) throws IOException {
    channel.send(value, descriptors, SEND);
  }
}
