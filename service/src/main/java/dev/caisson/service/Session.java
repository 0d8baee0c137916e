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

    /// Called when the client ends the connection because it can no longer use it.
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

  /// Whether this side has ended the connection. No message is received after that.
  boolean over() {
    return over;
  }

  /// Receives a message that the service sent between calls. Only a signal is allowed.
  ///
  /// @return empty at the end of the connection
  /// @throws ProtocolException if the message is not a signal
  /// @throws MessageException if the message is not JSON, or beyond the limits
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
          "service %s sent a message of type '%s' although no call was pending"
              .formatted(id, delivery.get().message().type()));
    }
    return delivery;
  }

  /// Receives a message while a call is pending.
  ///
  /// @return empty at the end of the connection
  /// @throws ProtocolException if the message is not one of the protocol
  /// @throws MessageException if the message is not JSON, or beyond the limits
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
            "service %s %s a malformed message: %s".formatted(id, what, nonsense.getMessage()))
        : new MessageException(
            "service %s %s an unacceptable message: %s".formatted(id, what, nonsense.getMessage()));
  }

  /// Says why the connection cannot be used: for the first caller, the breach of protocol between
  /// calls, if there was one; else how the service ended.
  IOException explain(Deadline deadline) {
    var reason = breach.getAndSet(null);
    return reason == null ? ending.explain(deadline) : reason;
  }

  void end() {
    over = true;
    connection.shutdown();
  }

  /// Ends the connection and closes this end.
  void close() {
    end();
    connection.close();
  }

  void abandon() {
    end();
    ending.abandoned();
  }

  /// Abandons the connection because of a breach of protocol between calls. The next call fails
  /// with that exception.
  void abandon(IOException because) {
    breach.set(because);
    abandon();
  }
}
