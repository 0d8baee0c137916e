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

/// The two ends of the protocol of host services, without the processes and threads that they
/// otherwise come with: an execution must cost microseconds.
///
/// It alone knows what is not public, so it lies in the package of services.
public final class Access {
  private Access() {}

  /// A caller at the end of a channel, which it takes over.
  public static ServiceClient client(JsonChannel channel) {
    return new ServiceClient(
        "fuzzed",
        new Prepared(new SocketConnection(channel)),
        until -> new ServiceEndedException("fuzzed", "ended", List.of()),
        SignalListener.NONE,
        ServiceClient.Owner.NONE);
  }

  /// A connection on which the answers lie before they are asked for, which no real one may do.
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

  /// Serves a connection to its end on this thread.
  ///
  /// @throws Exception why the connection broke
  public static void serve(Service service, JsonChannel connection) throws Exception {
    service.attach("fuzzed", new SocketConnection(connection));
    service.serve();
  }
}
