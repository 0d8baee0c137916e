package dev.caisson.service;

import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.service.internal.Connection;
import dev.caisson.service.internal.MalformedMessageException;
import dev.caisson.service.internal.ServiceMessage;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// A host service. It answers calls, one after another, until the host closes the connection, and
/// then always stops.
///
/// A service and its callers share a [ServiceMethod] for each method. The constructor registers a
/// handler for each:
///
/// {@snippet class="dev.caisson.service.Checksums" region="service"}
///
/// A service that handles raw JSON overrides [#dispatch]. The same class can run as an executable
/// ([ServiceProgram]) and as an object inside the JVM of the host ([ServiceManager#start(String,
/// Service)]). The two differ in when [#stop()] runs:
///
/// | the host ends by | executable | object in the JVM |
/// | --- | --- | --- |
/// | closing its manager | runs | runs |
/// | `System.exit`, its last thread, SIGTERM, SIGINT, SIGHUP | runs | runs, within 15 s |
/// | SIGKILL, a crash of the JVM | runs, as soon as it is not in a method | does not run |
///
/// So an object must hold only what the kernel frees with the process: descriptors, memory, locks
/// on open files. A service that holds what outlives a process (a mount, a loop device without
/// autoclear, a file to be removed) must be an executable. A method that never returns keeps its
/// process alive after the host has ended.
///
/// One thread at a time runs [#dispatch], the handlers and [#stop()]; it is not always the same
/// thread. Any thread may send signals.
public abstract class Service {
  private static final Duration SEND = Duration.ofSeconds(60);

  private final Duration sendDeadline;

  private final Map<String, Typed<?, ?>> methods = new HashMap<>();

  /// Held while a message is sent; fair, so that a flood of signals does not hold up an answer.
  private final ReentrantLock sending = new ReentrantLock(true);

  private volatile @Nullable Host host;

  /// The host that a started service is attached to.
  private static final class Host {
    final String id;
    final Connection connection;
    volatile boolean gone;

    Host(String id, Connection connection) {
      this.id = id;
      this.connection = connection;
    }
  }

  /// For subclasses.
  protected Service() {
    this(SEND);
  }

  /// @param sendDeadline how long sending a message waits for a host that does not read
  Service(Duration sendDeadline) {
    this.sendDeadline = sendDeadline;
  }

  /// Performs a method.
  ///
  /// @param <Q> the request
  /// @param <R> the reply
  @FunctionalInterface
  public interface Handler<Q, R> {
    /// Answers a call.
    ///
    /// @param request its descriptors are closed afterwards unless they are moved out
    /// @return the reply, which takes its descriptors along
    /// @throws Exception reported to the caller
    R handle(Q request) throws Exception;
  }

  private record Typed<Q, R>(ServiceMethod<Q, R> method, Handler<Q, R> handler) {
    Message call(JsonNode args, List<Fd> descriptors) throws Exception {
      var request = TypedJson.decodeRequest(method, args, descriptors);
      return TypedJson.encodeOwned(handler.handle(request));
    }
  }

  /// Registers the handler of a method. For the constructor.
  ///
  /// @throws IllegalStateException if the method has a handler
  protected final <Q, R> void on(ServiceMethod<Q, R> method, Handler<Q, R> handler) {
    Objects.requireNonNull(method, "method");
    Objects.requireNonNull(handler, "handler");
    if (methods.putIfAbsent(method.name(), new Typed<>(method, handler)) != null) {
      throw new IllegalStateException("the method " + method.name() + " already has a handler");
    }
  }

  /// Answers a call. This implementation calls the [handler][#on] of the method of that name.
  ///
  /// The caller receives what this throws as an exception, and the service keeps running. Calls
  /// never overlap.
  ///
  /// @param method the name of the method
  /// @param args its arguments
  /// @param descriptors the descriptors of the call; they are closed afterwards unless moved out
  /// @return the reply; the service gives up its descriptors
  protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) throws Exception {
    var typed = methods.get(method);
    if (typed == null) {
      throw new NoSuchMethodException(
          "there is no method '%s', only %s".formatted(method, new TreeSet<>(methods.keySet())));
    }
    return typed.call(args, descriptors);
  }

  /// Frees all that the service holds. Called once, when the connection has ended for any reason.
  /// The table above says after which ends of the host it does not run.
  protected void stop() throws Exception {}

  /// The id that the host gave to this service.
  ///
  /// @throws IllegalStateException before the service is started
  public final String id() {
    return started().id;
  }

  /// Sends a signal to the host. Any thread may send one, from the start of the service to the end
  /// of the connection, also between calls. A signal that is sent during a call arrives before its
  /// answer.
  ///
  /// Blocks until there is room for the signal, 60 s at most. The host reads during its calls, and
  /// at any time if it has a [standing listener][ServiceSpec#onSignal].
  ///
  /// @param descriptors the caller keeps them
  /// @throws IllegalStateException before the service is started
  /// @throws IllegalArgumentException if a descriptor is not open
  /// @throws DeadlineException if the host does not read; nothing was sent then
  /// @throws IOException if the host is gone
  protected final void emitSignal(JsonNode value, List<Fd> descriptors) throws IOException {
    Objects.requireNonNull(value, "value");
    requireOpen("signal", Objects.requireNonNull(descriptors, "descriptors"));
    send(started(), new ServiceMessage.Signal(value), descriptors);
  }

  /// Sends a record as a signal. The caller keeps its descriptors.
  ///
  /// @throws IOException as [#emitSignal(JsonNode, List)]
  protected final void emitSignal(Record value) throws IOException {
    var signal = TypedJson.encode(Objects.requireNonNull(value, "value"));
    emitSignal(signal.value(), signal.descriptors());
  }

  private Host started() {
    var current = host;
    if (current == null) {
      throw new IllegalStateException("the service has not been started");
    }
    return current;
  }

  /// Connects the service with its host. From now on it has an id and can send signals.
  ///
  /// @throws IllegalStateException if this object serves a host already
  final synchronized void attach(String id, Connection connection) {
    var current = host;
    if (current != null && !current.gone) {
      throw new IllegalStateException("this object already serves, as service " + current.id);
    }
    host = new Host(id, connection);
  }

  /// Serves the attached host until the connection ends, then stops.
  ///
  /// @throws Exception what [#stop()] threw, or why the connection broke
  final void serve() throws Exception {
    var current = started();
    try {
      boolean heard = true;
      while (heard) {
        try {
          var call = current.connection.receive(Deadline.never());
          heard = call.isPresent() && answer(current, call.get());
        } catch (MalformedMessageException nonsense) {
          var breach = new ProtocolException(String.valueOf(nonsense.getMessage()));
          heard = answer(current, ServiceMessage.Failure.of(breach), List.of());
        }
      }
    } finally {
      current.gone = true;
      current.connection.close();
      stop();
    }
  }

  /// @return whether the host is still there
  private boolean answer(Host to, Connection.Delivery call) throws IOException {
    Message reply;
    try {
      reply = Objects.requireNonNull(reply(call), "the method returned no reply");
    } catch (Exception | AssertionError | LinkageError | StackOverflowError failure) {
      return answer(to, ServiceMessage.Failure.of(failure), List.of());
    }
    try (reply) {
      requireOpen("reply", reply.descriptors());
      return answer(to, new ServiceMessage.Reply(reply.value()), reply.descriptors());
    } catch (MessageException | IllegalArgumentException unsendable) {
      return answer(to, ServiceMessage.Failure.of(unsendable), List.of());
    }
  }

  private Message reply(Connection.Delivery delivery) throws Exception {
    try (delivery) {
      if (!(delivery.message() instanceof ServiceMessage.Request call)) {
        throw new ProtocolException("only methods can be called on a service");
      }
      return dispatch(call.name(), call.args(), delivery.descriptors());
    }
  }

  /// @return whether the message was sent; a host that is gone, or no longer reads, is not a
  ///   failure of the service
  /// @throws IllegalArgumentException if one of the descriptors has been closed
  private boolean answer(Host to, ServiceMessage message, List<Fd> descriptors) throws IOException {
    try {
      send(to, message, descriptors);
      return true;
    } catch (SystemCallException failure) {
      if (failure.errno() == Errno.EBADF && !descriptors.isEmpty()) {
        throw new IllegalArgumentException("a descriptor of the reply is not open", failure);
      }
      return false;
    } catch (ClosedChannelException | DeadlineException gone) {
      return false;
    }
  }

  private void send(Host to, ServiceMessage message, List<Fd> descriptors) throws IOException {
    var until = Deadline.in(sendDeadline);
    takeSending(until);
    try {
      if (to.gone) {
        throw new ClosedChannelException();
      }
      to.connection.send(message, descriptors, until);
    } catch (IllegalStateException failure) {
      if (to.gone) {
        throw new ClosedChannelException();
      }
      throw failure;
    } finally {
      sending.unlock();
    }
  }

  private void takeSending(Deadline until) throws IOException {
    if (!sending.hasQueuedThreads() && sending.tryLock()) {
      return;
    }
    try {
      if (!sending.tryLock(until.remaining().toNanos(), TimeUnit.NANOSECONDS)) {
        throw until.exception("room to send a message");
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while another thread sends a message");
    }
  }

  /// Checks that all descriptors are open. A descriptor of the call that is returned without having
  /// been moved out has been closed by now.
  private static void requireOpen(String message, List<Fd> descriptors) {
    for (var descriptor : descriptors) {
      if (!descriptor.isOpen()) {
        throw new IllegalArgumentException(
            "a descriptor of the %s is not open: %s".formatted(message, descriptor));
      }
    }
  }

  /// The class, and the id if the service has been started.
  @Override
  public String toString() {
    var current = host;
    var name = getClass().getSimpleName();
    return "%s[%s]"
        .formatted(name.isEmpty() ? "Service" : name, current == null ? "not started" : current.id);
  }
}
