package dev.caisson.service.internal;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// One end of the connection between a host and a service: a socket to a process, or a queue in
/// memory to a thread of the same JVM. Both deliver the same messages.
///
/// One thread may send while another receives.
public interface Connection extends AutoCloseable {
  /// A received message. It owns the descriptors that came with it.
  record Delivery(ServiceMessage message, List<Fd> descriptors) implements AutoCloseable {
    @Override
    public void close() {
      Fd.closeAll(descriptors);
    }
  }

  /// Sends a message. The caller keeps its descriptors.
  ///
  /// @throws dev.caisson.ipc.MessageException if the message cannot be encoded, or is beyond the
  ///   limits
  /// @throws dev.caisson.linux.DeadlineException if the peer makes no room in time; nothing was
  ///   sent then
  /// @throws dev.caisson.linux.SystemCallException EBADF if a descriptor is not open; another
  ///   errno, or [java.nio.channels.ClosedChannelException], if the peer is gone
  void send(ServiceMessage message, List<Fd> descriptors, Deadline deadline) throws IOException;

  /// Receives the next message.
  ///
  /// @return empty at the end of the connection
  /// @throws MalformedMessageException if the JSON is not a message of the protocol
  /// @throws dev.caisson.ipc.MessageException if the message is not JSON, or beyond the limits
  /// @throws dev.caisson.linux.DeadlineException if no message comes in time
  Optional<Delivery> receive(Deadline deadline) throws IOException;

  /// Whether a message, or the end, can be received now.
  boolean ready() throws IOException;

  /// Waits until a message, or the end, can be received, but does not receive it. Another thread
  /// may receive it first.
  ///
  /// @throws dev.caisson.linux.DeadlineException if nothing comes in time
  void awaitReady(Deadline deadline) throws IOException;

  /// Ends the connection in both directions. That wakes the threads that wait on either side.
  void shutdown();

  /// Closes this end. The peer receives what was sent, then the end. Idempotent.
  @Override
  void close();
}
