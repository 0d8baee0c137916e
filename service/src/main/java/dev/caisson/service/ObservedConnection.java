package dev.caisson.service;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.service.internal.Connection;
import dev.caisson.service.internal.ServiceMessage;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// The host's end of a connection. A listener observes its messages.
record ObservedConnection(String id, Connection connection, MessageListener listener)
    implements Connection {
  @Override
  public void send(ServiceMessage message, List<Fd> descriptors, Deadline deadline)
      throws IOException {
    connection.send(message, descriptors, deadline);
    show(MessageEvent.Direction.TO_SERVICE, message, descriptors.size());
  }

  @Override
  public Optional<Delivery> receive(Deadline deadline) throws IOException {
    var received = connection.receive(deadline);
    if (received.isPresent()) {
      var delivery = received.get();
      show(MessageEvent.Direction.TO_HOST, delivery.message(), delivery.descriptors().size());
    }
    return received;
  }

  /// Shows a message to the listener. A failure of the listener does not affect host and service.
  private void show(MessageEvent.Direction direction, ServiceMessage message, int descriptors) {
    try {
      listener.message(id, new MessageEvent(direction, message.toJson(), descriptors));
    } catch (IOException | RuntimeException bug) {
      Listeners.report(bug);
    }
  }

  @Override
  public boolean ready() throws IOException {
    return connection.ready();
  }

  @Override
  public void awaitReady(Deadline deadline) throws IOException {
    connection.awaitReady(deadline);
  }

  @Override
  public void shutdown() {
    connection.shutdown();
  }

  @Override
  public void close() {
    connection.close();
  }
}
