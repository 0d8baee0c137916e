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

/// One request and its answer. What the failure of a step means holds for the connection alone,
/// never for what a listener threw.
final class Exchange {
  /// The errors that mean that the other side is gone. Others are this side's own.
  private static final Set<Errno> BROKEN =
      Set.of(Errno.EPIPE, Errno.ECONNRESET, Errno.ENOTCONN, Errno.ECONNREFUSED);

  /// How long a call waits for the end of a service whose connection has ended before.
  private static final Duration SOON = Duration.ofSeconds(1);

  /// How many earlier signals are heard before a call is sent: more than the kernel keeps for a
  /// sender with a buffer of the usual size. A service that signals without end is called all the
  /// same.
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

  /// Sends the request, once the signals that came between calls have been heard.
  ///
  /// An answer that is there before the request is not an answer to it.
  ///
  /// @throws IOException what the listener throws; the connection can still be used then
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
      // An earlier call has ended the connection; the service may never notice.
      var soon = until.remaining().compareTo(SOON) < 0 ? until : Deadline.in(SOON);
      throw session.explain(soon);
    }
    return session.connection().ready();
  }

  private Connection.Delivery receiveEarlier() throws IOException {
    // Without time left nothing is received, so nothing is lost.
    var delivery = step(this::receiveUnasked);
    if (delivery.isEmpty()) {
      var end = explained();
      session.abandon();
      throw end;
    }
    return delivery.get();
  }

  /// What cannot be received whole ends the connection.
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
    // Messages that come without end never make a step wait, so the step itself would never notice
    // either.
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

  /// Says how the service ended: it may wait for this side's end of the connection before it does.
  private IOException explained() {
    session.end();
    return session.explain(until);
  }

  private DeadlineException late() {
    return until.exception("service " + id + " to answer " + method);
  }
}
