package dev.caisson.host;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Message;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import tools.jackson.databind.JsonNode;

/// Calls the methods of a service.
///
/// Many threads may: their calls wait for each other, in order. A call that ends without its answer
/// (deadline, interrupt, a peer that breaks the protocol) ends the connection with it, so that a
/// late answer can never be taken for that of the next call.
public final class ServiceClient {
  private final String id;
  private final JsonChannel channel;
  private final Ending ending;
  private final ReentrantLock turn = new ReentrantLock(true);
  private volatile boolean stopped;

  /// Tells how the service ended, once its connection has.
  @FunctionalInterface
  interface Ending {
    ServiceException explain(Deadline deadline);
  }

  ServiceClient(String id, JsonChannel channel, Ending ending) {
    this.id = id;
    this.channel = channel;
    this.ending = ending;
  }

  /// The service's id.
  public String id() {
    return id;
  }

  /// Hears the signals of a call.
  @FunctionalInterface
  public interface SignalListener {
    /// Called for each signal as it comes, before the call returns. The message's descriptors are
    /// closed afterwards unless moved out.
    void signal(JsonNode value, List<Fd> descriptors) throws IOException;
  }

  /// Calls a method and returns its value; signals and descriptors of the answer are dropped.
  ///
  /// @throws RemoteException if the method failed
  /// @throws ServiceEndedException if the service ended instead
  /// @throws ProtocolException if it answered what is no answer
  /// @throws dev.caisson.linux.DeadlineException if it did not answer in time
  public JsonNode call(String method, JsonNode args, Duration deadline) throws IOException {
    try (var reply = callWithFds(method, args, List.of(), (value, fds) -> {}, deadline)) {
      return reply.value();
    }
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
    boolean answered = false;
    try {
      exchange(
          method,
          until,
          left -> {
            channel.send(new ServiceMessage.Call(method, args).encode(), descriptors, left);
            return channel;
          });
      while (true) {
        var message =
            exchange(method, until, channel::receive).orElseThrow(() -> ending.explain(until));
        var answer = decode(message);
        switch (answer) {
          case ServiceMessage.Signal signal -> {
            try (message) {
              signals.signal(signal.value(), message.descriptors());
            }
          }
          case ServiceMessage.Reply reply -> {
            answered = true;
            return new Reply(reply.value(), message.descriptors());
          }
          case ServiceMessage.Failure failure -> {
            message.close();
            answered = true;
            throw new RemoteException(id, failure);
          }
          case ServiceMessage.Call call -> {
            message.close();
            throw new ProtocolException("service " + id + " called a method of its host");
          }
        }
      }
    } finally {
      if (!answered) {
        channel.shutdown();
      }
      turn.unlock();
    }
  }

  @FunctionalInterface
  private interface Step<T> {
    T take(Duration left) throws IOException;
  }

  /// One step of the exchange. What its failure means holds for the connection alone, never for
  /// what a listener threw.
  private <T> T exchange(String method, Deadline until, Step<T> step) throws IOException {
    // Messages that come without end never make a step wait, so the step itself would never notice
    // either.
    if (until.expired()) {
      throw late(method, until);
    }
    if (Thread.currentThread().isInterrupted()) {
      throw new java.io.InterruptedIOException(
          "interrupted while service " + id + " answers " + method);
    }
    try {
      return step.take(until.remaining());
    } catch (dev.caisson.linux.SystemCallException
        | java.nio.channels.ClosedChannelException broken) {
      throw ending.explain(until);
    } catch (dev.caisson.linux.DeadlineException expired) {
      throw late(method, until);
    } catch (IllegalStateException failure) {
      if (stopped) {
        throw ending.explain(until);
      }
      throw failure;
    }
  }

  private dev.caisson.linux.DeadlineException late(String method, Deadline until) {
    return until.exception("service " + id + " to answer " + method);
  }

  /// Ends the connection, and a call that is under way with it.
  void close() {
    stopped = true;
    channel.shutdown();
    channel.close();
  }

  private static ServiceMessage decode(Message message) throws ProtocolException {
    try {
      return ServiceMessage.decode(message.value());
    } catch (ProtocolException failure) {
      message.close();
      throw failure;
    }
  }

  private void takeTurn(String method, Deadline until) throws IOException {
    try {
      if (!turn.tryLock(until.remaining().toNanos(), java.util.concurrent.TimeUnit.NANOSECONDS)) {
        throw until.exception("the turn to call " + method + " of service " + id);
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException(
          "interrupted before calling " + method + " of service " + id);
    }
  }
}
