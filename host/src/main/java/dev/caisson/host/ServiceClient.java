package dev.caisson.host;

import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import tools.jackson.databind.JsonNode;

/// Calls the methods of a service.
///
/// Many threads may: their calls wait for each other, in order. A call that ends without its answer
/// (deadline, interrupt, a peer that breaks the protocol) ends the connection with it, so that a
/// late answer can never be taken for that of the next call. The service then ends, too; one that
/// is [restarted][Restart] can be called again by the same client.
public final class ServiceClient {
  /// What tells that the other side is gone. Other errors are this side's own.
  private static final Set<Errno> BROKEN =
      Set.of(Errno.EPIPE, Errno.ECONNRESET, Errno.ENOTCONN, Errno.ECONNREFUSED);

  /// How long is waited for the end of a service whose connection has ended before.
  private static final Duration SOON = Duration.ofSeconds(1);

  private final String id;
  private final ReentrantLock turn = new ReentrantLock(true);
  private volatile Line line;

  /// The end of one run of the service.
  @FunctionalInterface
  interface Ending {
    /// Tells how it ended, once its connection has.
    ServiceException explain(Deadline deadline);

    /// Hears that a call has ended the connection to it.
    default void abandoned() {}
  }

  ServiceClient(String id, Connection connection, Ending ending) {
    this.id = id;
    this.line = new Line(connection, ending);
  }

  /// What leads to one run of the service.
  private static final class Line {
    final Connection connection;
    final Ending ending;
    volatile boolean over;

    Line(Connection connection, Ending ending) {
      this.connection = connection;
      this.ending = ending;
    }

    /// Whatever still comes is not heard any more.
    void end() {
      over = true;
      connection.shutdown();
    }

    void abandon() {
      end();
      ending.abandoned();
    }
  }

  /// The service's id.
  public String id() {
    return id;
  }

  /// Calls a method and returns its value; signals and descriptors of the answer are dropped.
  ///
  /// Blocks until the answer comes; an interrupt ends it.
  ///
  /// @param deadline for all of it, waiting for the calls of other threads included
  /// @throws RemoteException if the method failed
  /// @throws ServiceEndedException if the service ended instead
  /// @throws ProtocolException if it answered what is no answer
  /// @throws DeadlineException if it did not answer in time
  /// @throws InterruptedIOException if the thread is interrupted; the interrupt stays set
  public JsonNode call(String method, JsonNode args, Duration deadline) throws IOException {
    try (var reply = callWithFds(method, args, List.of(), SignalListener.NONE, deadline)) {
      return reply.value();
    }
  }

  /// Calls a method with a record, and returns a record; signals are dropped.
  ///
  /// @param request its descriptors stay the caller's
  /// @return the answer, whose descriptors the caller owns
  /// @throws IOException as [#call(String, JsonNode, Duration)]
  public <Q, R> R call(ServiceMethod<Q, R> method, Q request, Duration deadline)
      throws IOException {
    return call(method, request, SignalListener.NONE, deadline);
  }

  /// Calls a method with a record, and returns a record.
  ///
  /// @param request its descriptors stay the caller's
  /// @param signals hears what comes before the answer
  /// @return the answer, whose descriptors the caller owns
  /// @throws IOException as [#call(String, JsonNode, Duration)], and what the listener threw
  public <Q, R> R call(
      ServiceMethod<Q, R> method, Q request, SignalListener signals, Duration deadline)
      throws IOException {
    var args = TypedJson.reply(request);
    var reply = callWithFds(method.name(), args.value(), args.descriptors(), signals, deadline);
    return TypedJson.value(
        "the reply of service %s to %s".formatted(id, method.name()),
        method.reply(),
        reply.value(),
        reply.descriptors());
  }

  /// Calls a method with descriptors, which the caller keeps.
  ///
  /// @param signals hears what comes before the answer
  /// @return the answer, whose descriptors the caller owns
  /// @throws IOException as [#call(String, JsonNode, Duration)], and what the listener threw
  public Reply callWithFds(
      String method, JsonNode args, List<Fd> descriptors, SignalListener signals, Duration deadline)
      throws IOException {
    var until = Deadline.in(deadline);
    takeTurn(method, until);
    // What is attached meanwhile is for the next call.
    var exchange = new Exchange(line, method, until);
    boolean awaited = false;
    try {
      exchange.send(args, descriptors);
      awaited = true;
      while (true) {
        var delivery = exchange.receive();
        switch (delivery.message()) {
          case ServiceMessage.Signal signal -> {
            try (delivery) {
              signals.signal(signal.value(), delivery.descriptors());
            }
          }
          case ServiceMessage.Reply reply -> {
            awaited = false;
            return new Reply(reply.value(), delivery.descriptors());
          }
          case ServiceMessage.Failure failure -> {
            delivery.close();
            awaited = false;
            throw new RemoteException(id, failure);
          }
          case ServiceMessage.Call call -> {
            delivery.close();
            throw new ProtocolException(
                "service %s called the method %s of its host".formatted(id, call.name()));
          }
        }
      }
    } finally {
      if (awaited) {
        exchange.line.abandon();
      }
      turn.unlock();
    }
  }

  /// One call on its way. What the failure of a step means holds for the connection alone, never
  /// for what a listener threw.
  private final class Exchange {
    private final Line line;
    private final String method;
    private final Deadline until;

    Exchange(Line line, String method, Deadline until) {
      this.line = line;
      this.method = method;
      this.until = until;
    }

    void send(JsonNode args, List<Fd> descriptors) throws IOException {
      step(() -> {
        if (line.over) {
          // An earlier call has ended the connection; the service may never notice.
          var soon = until.remaining().compareTo(SOON) < 0 ? until : Deadline.in(SOON);
          throw line.ending.explain(soon);
        }
        requireSilence();
        line.connection.send(new ServiceMessage.Call(method, args), descriptors, until);
        return until;
      });
    }

    Connection.Delivery receive() throws IOException {
      return step(
              () -> {
                try {
                  return line.connection.receive(until);
                } catch (MessageException nonsense) {
                  throw new MessageException(
                      "service %s answered %s with what is no message: %s"
                          .formatted(id, method, nonsense.getMessage()));
                } catch (ProtocolException nonsense) {
                  throw new ProtocolException(
                      "service %s answered %s with what is no answer: %s"
                          .formatted(id, method, nonsense.getMessage()));
                }
              })
          .orElseThrow(this::explained);
    }

    /// What is there before anything was asked answers nothing. A signal may be late; a second
    /// answer to the call before would be taken for the first to this one.
    private void requireSilence() throws IOException {
      boolean silent = false;
      try {
        while (line.connection.ready()) {
          var unasked = step(() -> line.connection.receive(until)).orElseThrow(this::explained);
          unasked.close();
          if (!(unasked.message() instanceof ServiceMessage.Signal)) {
            throw new ProtocolException(
                "service %s sent a %s that nobody had asked for"
                    .formatted(id, unasked.message().type()));
          }
        }
        silent = true;
      } finally {
        if (!silent) {
          line.abandon();
        }
      }
    }

    private <T> T step(Step<T> step) throws IOException {
      // Messages that come without end never make a step wait, so the step itself would never
      // notice either.
      if (until.expired()) {
        throw late();
      }
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
        if (line.over) {
          throw explained();
        }
        throw failure;
      }
    }

    /// How the service ended: it may wait for this side's end of the connection before it does.
    private ServiceException explained() {
      line.end();
      return line.ending.explain(until);
    }

    private DeadlineException late() {
      return until.exception("service " + id + " to answer " + method);
    }
  }

  @FunctionalInterface
  private interface Step<T> {
    T take() throws IOException;
  }

  /// Ends the connection, and a call that is under way with it.
  void disconnect() {
    var current = line;
    current.end();
    current.connection.close();
  }

  /// Goes on with a new run of the service; the calls of the old one have ended.
  void attach(Connection fresh, Ending ending) {
    line = new Line(fresh, ending);
  }

  private void takeTurn(String method, Deadline until) throws IOException {
    if (turn.isHeldByCurrentThread()) {
      throw new IllegalStateException(
          "service %s cannot be called by what hears the signals of a call to it".formatted(id));
    }
    try {
      if (!turn.tryLock(until.remaining().toNanos(), TimeUnit.NANOSECONDS)) {
        throw until.exception("the turn to call " + method + " of service " + id);
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException(
          "interrupted before calling " + method + " of service " + id);
    }
  }
}
