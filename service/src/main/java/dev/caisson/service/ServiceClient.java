package dev.caisson.service;

import static java.util.Objects.requireNonNull;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.internal.Connection;
import dev.caisson.service.internal.ServiceMessage;
import dev.caisson.service.internal.SocketConnection;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Calls the methods of a service.
///
/// Safe for many threads: their calls wait for each other, in order. A call that ends without its
/// answer (deadline, interrupt, a peer that breaks the protocol) ends the connection, so that a
/// late answer is never taken for the answer to the next call. The service then ends, too. If it is
/// [restarted][Restart], the same client can call it again.
///
/// A service may send signals at any time. Signals during a call go to the listener of that call.
/// Signals between calls go to the [standing listener][ServiceSpec#onSignal] as they come. Without
/// a standing listener they stay queued, and the listener of the next call receives them, in order,
/// before that call is sent. [SignalListener#NONE] drops them.
public final class ServiceClient {
  private final String id;
  private final ReentrantLock turn = new ReentrantLock(true);
  private final Owner owner;

  /// Receives the signals between calls; NONE leaves them to the listener of the next call.
  private final SignalListener standing;

  private final Optional<StandingListener> watcher;
  private volatile Session session;

  /// The owner of the service that a client calls: it stops the service.
  interface Owner {
    /// For a service that is only known by its connection.
    Owner NONE =
        new Owner() {
          @Override
          public void stop(ServiceClient client, Optional<Duration> patience) {
            client.disconnect();
          }

          @Override
          public OptionalInt pid() {
            return OptionalInt.empty();
          }
        };

    /// Stops the service. No-op if it has been stopped.
    ///
    /// @param patience how long the service may take to stop by itself; empty for the default of
    ///   its manager
    void stop(ServiceClient client, Optional<Duration> patience) throws ServiceException;

    /// The pid of the service; empty if it has no process, or if its process has been reaped.
    OptionalInt pid();
  }

  ServiceClient(
      String id,
      Connection connection,
      Session.Ending ending,
      SignalListener signals,
      Owner owner) {
    this.id = id;
    this.owner = owner;
    this.session = new Session(id, connection, ending);
    this.watcher =
        signals.equals(SignalListener.NONE)
            ? Optional.empty()
            : Optional.of(new StandingListener(id, signals, turn));
    this.standing = watcher.<SignalListener>map(listener -> listener).orElse(SignalListener.NONE);
    watcher.ifPresent(listener -> listener.watch(session));
  }

  /// Makes a client of a service at the other end of a socket, regardless of how it was started.
  ///
  /// @param id the name of the service in messages
  /// @param socket a connected socket of the type SOCK_SEQPACKET; the client takes it over, and
  ///   [#stop()] closes it
  /// @throws IllegalArgumentException if the socket is of another type; the caller keeps it then
  /// @throws SystemCallException if the descriptor is not a socket; the caller keeps it then
  public static ServiceClient over(String id, UnixSocket socket) throws SystemCallException {
    return over(id, socket, Limits.DEFAULT, SignalListener.NONE);
  }

  /// Makes a client of a service at the other end of a socket, as [#over(String, UnixSocket)].
  ///
  /// @param limits the limits on the messages of the service
  /// @param signals the standing listener, see [ServiceSpec#onSignal]
  public static ServiceClient over(
      String id, UnixSocket socket, Limits limits, SignalListener signals)
      throws SystemCallException {
    requireNonNull(id, "id");
    requireNonNull(limits, "limits");
    requireNonNull(signals, "signals");
    if (requireNonNull(socket, "socket").type() != UnixSocket.Type.SEQPACKET) {
      throw new IllegalArgumentException(
          "the socket of service %s is of the type %s, not SEQPACKET".formatted(id, socket.type()));
    }
    return new ServiceClient(
        id,
        new SocketConnection(JsonChannel.of(UnixSocket.of(socket.fd()), limits)),
        until -> new ServiceEndedException(id, "has ended its connection", List.of()),
        signals,
        Owner.NONE);
  }

  /// The service's id.
  public String id() {
    return id;
  }

  /// The pid of the service. Empty for a service in this JVM, for the other end of a
  /// [socket][#over], and when the process has been reaped.
  ///
  /// Use it in messages only. To stop the service, call [#stop()].
  public OptionalInt pid() {
    return owner.pid();
  }

  /// Stops the service, as [ServiceManager#stop(String)]. No-op if it has been stopped.
  ///
  /// @throws ServiceException if the service did not end by itself with status 0
  public void stop() throws ServiceException {
    owner.stop(this, Optional.empty());
  }

  /// Stops the service. No-op if it has been stopped.
  ///
  /// @param patience how long the service may take to stop by itself
  /// @throws ServiceException if the service did not end by itself with status 0
  public void stop(Duration patience) throws ServiceException {
    requireNonNull(patience, "patience");
    owner.stop(this, Optional.of(patience));
  }

  /// Calls a method without arguments, which are `[]` on the wire, and returns its value.
  ///
  /// @throws IOException as [#call(String, JsonNode, Duration)]
  public JsonNode call(String method, Duration deadline) throws IOException {
    return call(method, JsonNodeFactory.instance.arrayNode(), deadline);
  }

  /// Calls a method and returns its value. Closes the descriptors of the answer. Signals go to the
  /// standing listener; without one they are dropped.
  ///
  /// Blocks until the answer comes. An interrupt ends the call.
  ///
  /// @param deadline for the whole call, including the wait for the calls of other threads
  /// @throws RemoteException if the method failed
  /// @throws ServiceEndedException if the service ended before it answered
  /// @throws ProtocolException if the service broke the protocol
  /// @throws DeadlineException if the service did not answer in time
  /// @throws InterruptedIOException if the thread is interrupted; its interrupt status stays set
  public JsonNode call(String method, JsonNode args, Duration deadline) throws IOException {
    try (var reply = callWithFds(method, args, List.of(), SignalListener.NONE, deadline)) {
      return reply.value();
    }
  }

  /// Calls a method with a record, and returns a record. Signals go to the standing listener;
  /// without one they are dropped.
  ///
  /// @param request the caller keeps its descriptors
  /// @return the answer, whose descriptors the caller owns
  /// @throws IOException as [#call(String, JsonNode, Duration)]
  public <Q, R> R call(ServiceMethod<Q, R> method, Q request, Duration deadline)
      throws IOException {
    return call(method, request, SignalListener.NONE, deadline);
  }

  /// Calls a method with a record, and returns a record.
  ///
  /// @param request the caller keeps its descriptors
  /// @param signals receives the signals that come before the answer
  /// @return the answer, whose descriptors the caller owns
  /// @throws IOException as [#call(String, JsonNode, Duration)], and what the listener throws
  public <Q, R> R call(
      ServiceMethod<Q, R> method, Q request, SignalListener signals, Duration deadline)
      throws IOException {
    requireNonNull(method, "method");
    var args = TypedJson.encode(requireNonNull(request, "request"));
    var reply = callWithFds(method.name(), args.value(), args.descriptors(), signals, deadline);
    return TypedJson.decode(
        "the reply of service %s to %s".formatted(id, method.name()),
        method.reply(),
        reply.value(),
        reply.descriptors());
  }

  /// Calls a method with descriptors. The caller keeps them.
  ///
  /// @param signals receives the signals that come before the answer; [SignalListener#NONE] leaves
  ///   them to the standing listener, if there is one
  /// @return the answer, whose descriptors the caller owns
  /// @throws IOException as [#call(String, JsonNode, Duration)], and what the listener throws
  public Message callWithFds(
      String method, JsonNode args, List<Fd> descriptors, SignalListener signals, Duration deadline)
      throws IOException {
    requireNonNull(method, "method");
    requireNonNull(args, "args");
    requireNonNull(descriptors, "descriptors");
    requireNonNull(signals, "signals");
    var until = Deadline.in(requireNonNull(deadline, "deadline"));
    takeTurn(method, until);
    // A restart may attach a new session meanwhile. Only the next call uses it.
    var exchange = new Exchange(id, session, method, until);
    boolean awaited = false;
    try {
      exchange.send(args, descriptors, standing.equals(SignalListener.NONE) ? signals : standing);
      awaited = true;
      var listener = signals.equals(SignalListener.NONE) ? standing : signals;
      while (true) {
        var delivery = exchange.receive();
        switch (delivery.message()) {
          case ServiceMessage.Signal signal -> {
            try (delivery) {
              listener.signal(signal.value(), delivery.descriptors());
            }
          }
          case ServiceMessage.Reply reply -> {
            awaited = false;
            return new Message(reply.value(), delivery.descriptors());
          }
          case ServiceMessage.Failure failure -> {
            delivery.close();
            awaited = false;
            throw new RemoteException(id, failure.name(), failure.value(), failure.backtrace());
          }
          case ServiceMessage.Request request -> {
            delivery.close();
            throw new ProtocolException(
                "service %s called the method %s of its host".formatted(id, request.name()));
          }
        }
      }
    } finally {
      if (awaited) {
        exchange.abandon();
      }
      turn.unlock();
    }
  }

  /// Ends the connection, and with it a pending call.
  void disconnect() {
    session.close();
  }

  /// Connects the client with a new run of the service. The calls to the old run have ended.
  void attach(Connection fresh, Session.Ending ending) {
    var next = new Session(id, fresh, ending);
    session = next;
    watcher.ifPresent(listener -> listener.watch(next));
  }

  /// Waits until the standing listener has received all signals of a run that has ended.
  void drain(Duration patience) {
    watcher.ifPresent(listener -> listener.drain(patience));
  }

  private void takeTurn(String method, Deadline until) throws IOException {
    if (turn.isHeldByCurrentThread()) {
      throw new IllegalStateException(
          "service %s cannot be called by a listener of its signals; call it on another thread"
              .formatted(id));
    }
    if (!turn.hasQueuedThreads() && turn.tryLock()) {
      return;
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

  /// The id of the service, and its pid.
  @Override
  public String toString() {
    var pid = pid();
    return "ServiceClient[%s%s]".formatted(id, pid.isPresent() ? ", pid " + pid.getAsInt() : "");
  }
}
