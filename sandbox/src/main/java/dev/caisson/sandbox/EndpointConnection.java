package dev.caisson.sandbox;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// The connection that a message came over.
///
/// Several threads may ask for the peer; one at a time may send.
public final class EndpointConnection {
  private static final Duration SEND = Duration.ofSeconds(10);

  private final JsonChannel channel;
  private final UnixSocket.Credentials peer;

  EndpointConnection(JsonChannel channel, UnixSocket.Credentials peer) {
    this.channel = channel;
    this.peer = peer;
  }

  /// Who connected, as the host numbers processes and users.
  public UnixSocket.Credentials peer() {
    return peer;
  }

  /// Answers. The descriptors stay the caller's.
  ///
  /// @throws dev.caisson.linux.DeadlineException if the other side does not read for ten seconds
  public void send(JsonNode value, List<Fd> descriptors) throws IOException {
    channel.send(value, descriptors, SEND);
  }
}
