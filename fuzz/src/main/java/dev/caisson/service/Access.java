package dev.caisson.service;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.service.internal.Connection;
import dev.caisson.service.internal.ServiceMessage;
import dev.caisson.service.internal.SocketConnection;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// Access to the two ends of the protocol of host services, without their processes and threads: an
/// execution must cost microseconds.
///
/// This class is in the package of services because it uses what is not public there.
public final class Access {
  private Access() {}

  /// Makes a client at the end of a channel. The client takes the channel over.
  public static ServiceClient client(JsonChannel channel) {
    return new ServiceClient(
        "fuzzed",
        new Prepared(new SocketConnection(channel)),
        until -> new ServiceEndedException("fuzzed", "ended", List.of()),
        SignalListener.NONE,
        ServiceClient.Owner.NONE);
  }

  /// A connection whose answers arrive before the calls. A real client would refuse such answers,
  /// so this connection never says that a message is ready.
  private record Prepared(SocketConnection connection) implements Connection {
    @Override
    public boolean ready() {
      return false;
    }

    @Override
    public void awaitReady(Deadline deadline) throws IOException {
      connection.awaitReady(deadline);
    }

    @Override
    public void send(ServiceMessage message, List<Fd> descriptors, Deadline deadline)
        throws IOException {
      connection.send(message, descriptors, deadline);
    }

    @Override
    public Optional<Delivery> receive(Deadline deadline) throws IOException {
      return connection.receive(deadline);
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

  /// Serves a connection until it ends, on this thread.
  ///
  /// @throws Exception the reason if the connection broke
  public static void serve(Service service, JsonChannel connection) throws Exception {
    service.attach("fuzzed", new SocketConnection(connection));
    service.serve();
  }
}
