package dev.caisson.host;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Processes;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// A host service: it answers calls, one after another, until the host closes the connection, and
/// then always stops.
///
/// What it can do is a [ServiceMethod] each, which callers share; the constructor says how each is
/// done:
///
/// {@snippet class="dev.caisson.host.Checksums" region="service"}
///
/// Whoever wants the JSON itself overrides [#dispatch]. The same class serves as an executable of
/// its own ([#main(Service, String...)]) and inside the JVM of the host
/// ([ServiceManager#start(String, Service)]).
public abstract class Service {
  private static final Duration FOREVER = Duration.ofDays(365);
  private static final Duration SEND = Duration.ofSeconds(60);

  private final Map<String, Typed<?, ?>> methods = new HashMap<>();

  /// Where signals go: a connection while a call is being answered, and nowhere else.
  private final Object speaking = new Object();

  private @Nullable Connection connection;

  /// For subclasses.
  protected Service() {}

  /// How a method is done.
  ///
  /// @param <Q> what it is asked with
  /// @param <R> what it answers
  @FunctionalInterface
  public interface Handler<Q, R> {
    /// Answers a call.
    ///
    /// @param request its descriptors are closed afterwards unless they are moved out
    /// @return the answer; its descriptors are given away with it
    /// @throws Exception what the caller will see
    R handle(Q request) throws Exception;
  }

  private record Typed<Q, R>(ServiceMethod<Q, R> method, Handler<Q, R> handler) {
    Reply call(JsonNode args, List<Fd> descriptors) throws Exception {
      var request = TypedJson.request(method, args, descriptors);
      return TypedJson.given(handler.handle(request));
    }
  }

  /// Says how a method is done; to be called by the constructor.
  ///
  /// @throws IllegalStateException if that has been said
  protected final <Q, R> void on(ServiceMethod<Q, R> method, Handler<Q, R> handler) {
    if (methods.putIfAbsent(method.name(), new Typed<>(method, handler)) != null) {
      throw new IllegalStateException("the method " + method.name() + " is there already");
    }
  }

  /// Answers a call, which unless it is overridden means: by the [method][#on] of that name.
  ///
  /// What it throws becomes an exception at the caller, and the service lives on. It is never run
  /// twice at once.
  ///
  /// @param method what is asked for
  /// @param args its arguments
  /// @param descriptors those that came with the call; they are closed afterwards unless moved out
  /// @return the answer, with whose descriptors the service parts
  protected Reply dispatch(String method, JsonNode args, List<Fd> descriptors) throws Exception {
    var typed = methods.get(method);
    if (typed == null) {
      throw new NoSuchMethodException(
          "there is no method '%s', only %s".formatted(method, new TreeSet<>(methods.keySet())));
    }
    return typed.call(args, descriptors);
  }

  /// Frees all that the service holds. Called once, when the connection has ended, for whatever
  /// reason.
  protected void stop() throws Exception {}

  /// Sends a signal to the caller, while a call is being answered. Blocks until there is room for
  /// it.
  ///
  /// A thread that a call has left behind would speak to the caller of the next one: it must be
  /// waited for.
  ///
  /// @param descriptors they stay this side's
  /// @throws IllegalStateException if no call is being answered, so that nobody listens
  /// @throws IOException if the caller is gone
  protected final void emitSignal(JsonNode value, List<Fd> descriptors) throws IOException {
    synchronized (speaking) {
      if (connection == null) {
        throw new IllegalStateException("no call is being answered");
      }
      requireOpen(descriptors);
      connection.send(new ServiceMessage.Signal(value), descriptors, Deadline.in(SEND));
    }
  }

  /// Sends a record as a signal; its descriptors stay this side's.
  ///
  /// @throws IOException as [#emitSignal(JsonNode, List)]
  protected final void emitSignal(Record value) throws IOException {
    var signal = TypedJson.reply(value);
    emitSignal(signal.value(), signal.descriptors());
  }

  /// Serves a connection to its end, and stops.
  ///
  /// @throws Exception what [#stop()] threw, or why the connection broke
  final void serve(Connection host) throws Exception {
    try (host) {
      boolean heard = true;
      while (heard) {
        try {
          var call = host.receive(Deadline.in(FOREVER));
          heard = call.isPresent() && answer(host, call.get());
        } catch (ProtocolException nonsense) {
          heard = send(host, ServiceMessage.Failure.of(nonsense), List.of());
        }
      }
    } finally {
      stop();
    }
  }

  /// @return whether there is still somebody to answer
  private boolean answer(Connection host, Connection.Delivery call) throws IOException {
    Reply reply;
    try {
      speakTo(host);
      reply = Objects.requireNonNull(reply(call), "the method returned no reply");
    } catch (Exception | AssertionError | LinkageError | StackOverflowError failure) {
      return send(host, ServiceMessage.Failure.of(failure), List.of());
    } finally {
      speakTo(null);
    }
    try (reply) {
      requireOpen(reply.descriptors());
      return send(host, new ServiceMessage.Reply(reply.value()), reply.descriptors());
    } catch (MessageException | IllegalArgumentException unsendable) {
      return send(host, ServiceMessage.Failure.of(unsendable), List.of());
    }
  }

  private Reply reply(Connection.Delivery delivery) throws Exception {
    try (delivery) {
      if (!(delivery.message() instanceof ServiceMessage.Call call)) {
        throw new ProtocolException("only methods can be called on a service");
      }
      return dispatch(call.name(), call.args(), delivery.descriptors());
    }
  }

  private void speakTo(@Nullable Connection host) {
    synchronized (speaking) {
      connection = host;
    }
  }

  /// @return whether it arrived; a host that is gone, or reads no more, is no failure of the
  ///   service
  /// @throws IllegalArgumentException if something has closed one of the descriptors
  private static boolean send(Connection host, ServiceMessage answer, List<Fd> descriptors)
      throws IOException {
    try {
      host.send(answer, descriptors, Deadline.in(SEND));
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

  /// One that came with the call and is returned without having been moved is closed by now.
  private static void requireOpen(List<Fd> descriptors) {
    for (var descriptor : descriptors) {
      if (!descriptor.isOpen()) {
        throw new IllegalArgumentException("a descriptor of the reply is not open: " + descriptor);
      }
    }
  }

  /// Runs a service as the program of a process: the `main` of an executable calls this and exits
  /// with its result.
  ///
  /// Takes `--service-id ID --service-fd FD`; other arguments are the service's own. SIGTERM and
  /// SIGINT are ignored, so that the host alone says when it ends, by closing the connection.
  /// Blocks until then.
  ///
  /// @return the exit status: 0; 1 if it failed to stop; 2 if it was called wrongly
  public static int main(Service service, String... args) {
    int fd = -1;
    boolean named = false;
    for (int i = 0; i + 1 < args.length; i++) {
      switch (args[i]) {
        case "--service-fd" -> fd = parse(args[i + 1]);
        case "--service-id" -> named = true;
        default -> {
          // An argument for the service itself.
        }
      }
    }
    if (fd < 0 || !named) {
      System.err.println("This is a host service. Usage: --service-id ID --service-fd FD");
      return 2;
    }
    try {
      Processes.ignore(Signal.TERM);
      Processes.ignore(Signal.INT);
      var channel = JsonChannel.of(UnixSocket.of(Fd.adopt(fd)), Limits.DEFAULT);
      service.serve(new SocketConnection(channel));
      return 0;
    } catch (Exception failure) {
      System.err.println(service.getClass().getName() + ": " + failure);
      return 1;
    }
  }

  private static int parse(String number) {
    try {
      return Integer.parseInt(number);
    } catch (NumberFormatException notANumber) {
      return -1;
    }
  }
}
