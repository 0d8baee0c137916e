package dev.caisson.sandbox;

import dev.caisson.ipc.Message;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.BrokerProtocol;
import java.io.IOException;
import java.time.Duration;
import java.util.OptionalInt;

/// The endpoint `network`: a program in the sandbox requests connections from the broker there.
final class NetworkEndpoint implements ApiEndpoint, AutoCloseable {
  private static final Duration IDLE = Duration.ofHours(1);

  private final BrokerProtocol protocol;

  NetworkEndpoint(Broker broker) {
    protocol = new BrokerProtocol(broker, IDLE);
  }

  @Override
  public String name() {
    return BrokerProtocol.ENDPOINT;
  }

  @Override
  public void message(Message message, EndpointConnection connection) throws IOException {
    try (var answer = protocol.answer(message, () -> OptionalInt.of(connection.peer().pid()))) {
      connection.send(answer.value(), answer.descriptors());
    }
  }

  /// Closes the connections that were made.
  @Override
  public void close() {
    protocol.close();
  }
}
