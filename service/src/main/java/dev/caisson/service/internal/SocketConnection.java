package dev.caisson.service.internal;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// The connection to another process, in the wire format of osbuild's `host.py`. It owns the
/// channel.
///
/// Thread safety is that of [Connection].
public record SocketConnection(JsonChannel channel) implements Connection {
  @Override
  public void send(ServiceMessage message, List<Fd> descriptors, Deadline deadline)
      throws IOException {
    channel.send(message::encode, descriptors, deadline);
  }

  @Override
  public Optional<Delivery> receive(Deadline deadline) throws IOException {
    return channel.receive(
        (json, descriptors) -> new Delivery(ServiceMessage.decode(json), descriptors), deadline);
  }

  @Override
  public boolean ready() throws IOException {
    return channel.ready();
  }

  @Override
  public void awaitReady(Deadline deadline) throws IOException {
    channel.awaitReady(deadline);
  }

  @Override
  public void shutdown() {
    channel.shutdown();
  }

  @Override
  public void close() {
    channel.close();
  }
}
