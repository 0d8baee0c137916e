package dev.caisson.service;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.service.internal.Connection;
import dev.caisson.service.internal.ServiceMessage;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// One request and its answer. Each step on the connection translates its failures: a deadline, an
/// interrupt, a broken connection. What a listener throws is not translated.
final class Exchange {
  /// The errors that mean that the service is gone. All other errors are this side's own.
  private static final Set<Errno> BROKEN =
      Set.of(Errno.EPIPE, Errno.ECONNRESET, Errno.ENOTCONN, Errno.ECONNREFUSED);

  /// How long a call waits for the service to end if an earlier call has ended the connection.
  private static final Duration SOON = Duration.ofSeconds(1);

  /// How many pending signals are delivered before a call is sent: more than the kernel queues for
  /// a sender with a buffer of the usual size. The limit lets a call through to a service that
  /// signals without end.
  private static final int MOST_EARLIER = 512;

  private final String id;
  private final Session session;
  private final String method;
  private final Deadline until;

  Exchange(String id, Session session, String method, Deadline until) {
    this.id = id;
    this.session = session;
    this.method = method;
    this.until = until;
  }

  /// Delivers the signals that came between calls, then sends the request.
  ///
  /// An answer that arrived before the request is not an answer to it.
  ///
  /// @throws IOException what the listener throws; the connection remains usable
  void send(JsonNode args, List<Fd> descriptors, SignalListener earlier) throws IOException {
    var request = new ServiceMessage.Request(method, args);
    boolean sent = step(() -> !isReady() && sendNow(request, descriptors));
    if (!sent) {
      hear(earlier);
      step(() -> sendNow(request, descriptors));
    }
  }

  private boolean sendNow(ServiceMessage request, List<Fd> descriptors) throws IOException {
    session.connection().send(request, descriptors, until);
    return true;
  }

  private void hear(SignalListener listener) throws IOException {
    for (int heard = 0; heard < MOST_EARLIER && step(this::isReady); heard++) {
      try (var delivery = receiveEarlier()) {
        if (delivery.message() instanceof ServiceMessage.Signal signal) {
          listener.signal(signal.value(), delivery.descriptors());
        }
      }
    }
  }

  private boolean isReady() throws IOException {
    if (session.over()) {
      // An earlier call has ended the connection; the service may ignore that.
      var soon = until.remaining().compareTo(SOON) < 0 ? until : Deadline.in(SOON);
      throw session.explain(soon);
    }
    return session.connection().ready();
  }

  private Connection.Delivery receiveEarlier() throws IOException {
    // After the deadline nothing is received, so no message is lost.
    var delivery = step(this::receiveUnasked);
    if (delivery.isEmpty()) {
      var end = explained();
      session.abandon();
      throw end;
    }
    return delivery.get();
  }

  /// Receives a message that came between calls. A failure ends the connection.
  private Optional<Connection.Delivery> receiveUnasked() throws IOException {
    boolean received = false;
    try {
      var delivery = session.receiveUnasked(until);
      received = true;
      return delivery;
    } finally {
      if (!received) {
        session.abandon();
      }
    }
  }

  Connection.Delivery receive() throws IOException {
    return step(() -> session.receiveAnswer(method, until)).orElseThrow(this::explained);
  }

  void abandon() {
    session.abandon();
  }

  @FunctionalInterface
  private interface Step<T> {
    T take() throws IOException;
  }

  private <T> T step(Step<T> step) throws IOException {
    // A step that never waits notices neither its deadline nor an interrupt: so it is with messages
    // that come without end.
    requireTime();
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException(
          "interrupted while service %s answers %s".formatted(id, method));
    }
    try {
      return step.take();
    } catch (SystemCallException failure) {
      if (!BROKEN.contains(failure.errno())) {
        throw failure;
      }
      throw explained();
    } catch (ClosedChannelException broken) {
      throw explained();
    } catch (DeadlineException expired) {
      throw late();
    } catch (IllegalStateException failure) {
      if (session.over()) {
        throw explained();
      }
      throw failure;
    }
  }

  private void requireTime() throws DeadlineException {
    if (until.expired()) {
      throw late();
    }
  }

  /// Says how the service ended. Ends the connection first: the service may wait for that.
  private IOException explained() {
    session.end();
    return session.explain(until);
  }

  private DeadlineException late() {
    return until.exception("service " + id + " to answer " + method);
  }
}
