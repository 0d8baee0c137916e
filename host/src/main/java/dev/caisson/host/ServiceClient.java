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
      try {
        channel.send(
            new ServiceMessage.Call(method, args).encode(), descriptors, until.remaining());
        while (true) {
          var message = channel.receive(until.remaining()).orElseThrow(() -> ending.explain(until));
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
      } catch (dev.caisson.linux.SystemCallException broken) {
        throw ending.explain(until);
      } catch (dev.caisson.linux.DeadlineException late) {
        throw new dev.caisson.linux.DeadlineException(
            deadline, "service " + id + " to answer " + method);
      }
    } finally {
      if (!answered) {
        channel.shutdown();
      }
      turn.unlock();
    }
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
