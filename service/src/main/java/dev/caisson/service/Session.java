package dev.caisson.service;

import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.service.internal.Connection;
import dev.caisson.service.internal.MalformedMessageException;
import dev.caisson.service.internal.ServiceMessage;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// The connection of a client to one run of its service.
final class Session {
  private final String id;
  private final Connection connection;
  private final Ending ending;
  private final AtomicReference<@Nullable IOException> breach = new AtomicReference<>();
  private volatile boolean over;

  /// The end of one run of the service.
  @FunctionalInterface
  interface Ending {
    /// Says how the run ended, once its connection has ended.
    ServiceException explain(Deadline deadline);

    /// Called when the client ends the connection because it is of no use any more.
    default void abandoned() {}
  }

  Session(String id, Connection connection, Ending ending) {
    this.id = id;
    this.connection = connection;
    this.ending = ending;
  }

  Connection connection() {
    return connection;
  }

  /// Whether this side has ended the connection. No message is received from then on.
  boolean over() {
    return over;
  }

  /// Receives a message that the service sent between calls. Only a signal may be.
  ///
  /// @return empty at the end of the connection
  /// @throws ProtocolException if the message is not a signal
  /// @throws MessageException if it is not acceptable
  Optional<Connection.Delivery> receiveUnasked(Deadline deadline) throws IOException {
    Optional<Connection.Delivery> delivery;
    try {
      delivery = connection.receive(deadline);
    } catch (MessageException | MalformedMessageException nonsense) {
      throw described("sent between calls", nonsense);
    }
    if (delivery.isPresent() && !(delivery.get().message() instanceof ServiceMessage.Signal)) {
      delivery.get().close();
      throw new ProtocolException(
          "service %s sent a message of type '%s' although no call was under way"
              .formatted(id, delivery.get().message().type()));
    }
    return delivery;
  }

  /// Receives a message while a call is under way.
  ///
  /// @return empty at the end of the connection
  /// @throws ProtocolException if the message is not one of the protocol
  /// @throws MessageException if it is not acceptable
  Optional<Connection.Delivery> receiveAnswer(String method, Deadline deadline) throws IOException {
    try {
      return connection.receive(deadline);
    } catch (MessageException | MalformedMessageException nonsense) {
      throw described("answered " + method + " with", nonsense);
    }
  }

  private IOException described(String what, IOException nonsense) {
    return nonsense instanceof MalformedMessageException
        ? new ProtocolException(
            "service %s %s what is no answer: %s".formatted(id, what, nonsense.getMessage()))
        : new MessageException(
            "service %s %s what is no message: %s".formatted(id, what, nonsense.getMessage()));
  }

  /// Says why no call can be made any more: what the service sent between calls, to the first
  /// caller, and how it ended.
  IOException explain(Deadline deadline) {
    var reason = breach.getAndSet(null);
    return reason == null ? ending.explain(deadline) : reason;
  }

  void end() {
    over = true;
    connection.shutdown();
  }

  /// Ends the connection for good, on this side.
  void close() {
    end();
    connection.close();
  }

  void abandon() {
    end();
    ending.abandoned();
  }

  /// Abandons the connection because of what the service sent between calls. The next call fails
  /// with it.
  void abandon(IOException because) {
    breach.set(because);
    abandon();
  }
}
