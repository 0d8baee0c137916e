package dev.caisson.host;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// The host's end of a connection, shown to somebody.
record MonitoredConnection(String id, Connection connection, MessageListener listener)
    implements Connection {
  @Override
  public void send(ServiceMessage message, List<Fd> descriptors, Deadline deadline)
      throws IOException {
    connection.send(message, descriptors, deadline);
    listener.message(
        id,
        new PassingMessage(
            PassingMessage.Direction.TO_SERVICE, message.toJson(), descriptors.size()));
  }

  @Override
  public Optional<Delivery> receive(Deadline deadline) throws IOException {
    var received = connection.receive(deadline);
    if (received.isPresent()) {
      show(received.get());
    }
    return received;
  }

  private void show(Delivery delivery) {
    boolean shown = false;
    try {
      listener.message(
          id,
          new PassingMessage(
              PassingMessage.Direction.TO_HOST,
              delivery.message().toJson(),
              delivery.descriptors().size()));
      shown = true;
    } finally {
      if (!shown) {
        delivery.close();
      }
    }
  }

  @Override
  public boolean ready() throws IOException {
    return connection.ready();
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
