package dev.caisson.service.internal;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// One end of what connects a host and a service: a socket to a process, or a place in memory to a
/// thread of the same JVM. What arrives is the same.
///
/// One thread may send while another receives.
public interface Connection extends AutoCloseable {
  /// A message that has arrived, and the descriptors that came with it, which it owns.
  record Delivery(ServiceMessage message, List<Fd> descriptors) implements AutoCloseable {
    @Override
    public void close() {
      Fd.closeAll(descriptors);
    }
  }

  /// Sends a message. The caller keeps its descriptors.
  ///
  /// @throws dev.caisson.ipc.MessageException if it cannot be a message
  /// @throws dev.caisson.linux.DeadlineException if the other side makes no room in time; nothing
  ///   was sent then
  /// @throws dev.caisson.linux.SystemCallException EBADF if a descriptor is not open; another
  ///   errno, or [java.nio.channels.ClosedChannelException], if the other side is gone
  void send(ServiceMessage message, List<Fd> descriptors, Deadline deadline) throws IOException;

  /// Receives the next message.
  ///
  /// @return empty at the end of the connection
  /// @throws MalformedMessageException if what came is not a message of the protocol
  /// @throws dev.caisson.ipc.MessageException if what came is beyond what is accepted
  /// @throws dev.caisson.linux.DeadlineException if none comes in time
  Optional<Delivery> receive(Deadline deadline) throws IOException;

  /// Whether a message, or the end, is there to be received.
  boolean ready() throws IOException;

  /// Waits until a message, or the end, is there to be received, and leaves it there. Another
  /// thread may receive it first.
  ///
  /// @throws dev.caisson.linux.DeadlineException if nothing comes in time
  void awaitReady(Deadline deadline) throws IOException;

  /// Ends the connection in both directions, which wakes the threads that wait on either side.
  void shutdown();

  /// Gives this end up; the other side receives what was sent, then the end. Idempotent.
  @Override
  void close();
}
