package dev.caisson.host;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Processes;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// A host service: it answers calls, one after another, until the host closes the connection, and
/// then always stops.
///
/// The same class serves as an executable of its own ([#main(Service, String...)]) and inside the
/// JVM of the host ([ServiceManager#start(String, Service)]).
public abstract class Service {
  private static final Duration FOREVER = Duration.ofDays(365);
  private static final Duration SEND = Duration.ofSeconds(60);

  private final AtomicReference<@Nullable JsonChannel> channel = new AtomicReference<>();

  /// For subclasses.
  protected Service() {}

  /// Answers a call.
  ///
  /// What it throws becomes an exception at the caller, and the service lives on. It runs on one
  /// virtual thread, never twice at once.
  ///
  /// @param method what is asked for
  /// @param args its arguments
  /// @param descriptors those that came with the call; they are closed afterwards unless moved out
  protected abstract Reply dispatch(String method, JsonNode args, List<Fd> descriptors)
      throws Exception;

  /// Frees all that the service holds. Called once, when the connection has ended, for whatever
  /// reason.
  protected void stop() throws Exception {}

  /// Sends a signal to the caller, while a call is being answered.
  ///
  /// @param descriptors they stay this side's
  protected final void emitSignal(JsonNode value, List<Fd> descriptors) throws IOException {
    var current = channel.get();
    if (current == null) {
      throw new IllegalStateException("no host is connected");
    }
    checkOpen(descriptors);
    current.send(new ServiceMessage.Signal(value).encode(), descriptors, SEND);
  }

  /// Serves a connection to its end, and stops.
  ///
  /// @throws Exception what [#stop()] threw, or why the connection broke
  final void serve(JsonChannel connection) throws Exception {
    channel.set(connection);
    try (connection) {
      while (true) {
        var message = connection.receive(FOREVER);
        if (message.isEmpty() || !answer(connection, message.get())) {
          return;
        }
      }
    } finally {
      channel.set(null);
      stop();
    }
  }

  /// @return whether there is still somebody to answer
  private boolean answer(JsonChannel connection, Message message) throws IOException {
    Reply reply;
    try {
      reply = reply(message);
    } catch (Exception failure) {
      return send(connection, ServiceMessage.Failure.of(failure), List.of());
    }
    try (reply) {
      return send(connection, new ServiceMessage.Reply(reply.value()), reply.descriptors());
    } catch (MessageException unsendable) {
      return send(connection, ServiceMessage.Failure.of(unsendable), List.of());
    }
  }

  private Reply reply(Message message) throws Exception {
    Reply reply;
    try (message) {
      if (!(ServiceMessage.decode(message.value()) instanceof ServiceMessage.Call call)) {
        throw new ProtocolException("only methods can be called on a service");
      }
      reply = dispatch(call.name(), call.args(), message.descriptors());
    }
    // Now that the message's own are closed: one that was returned without being moved is no
    // descriptor any more.
    try {
      checkOpen(reply.descriptors());
      return reply;
    } catch (IllegalArgumentException invalid) {
      reply.close();
      throw invalid;
    }
  }

  /// @return whether it arrived; a host that is gone, or reads no more, is no failure of the
  ///   service
  private static boolean send(JsonChannel connection, ServiceMessage answer, List<Fd> descriptors)
      throws IOException {
    try {
      connection.send(answer.encode(), descriptors, SEND);
      return true;
    } catch (SystemCallException | DeadlineException gone) {
      return false;
    }
  }

  private static void checkOpen(List<Fd> descriptors) {
    for (var descriptor : descriptors) {
      if (!descriptor.isOpen() || !descriptor.isValid()) {
        throw new IllegalArgumentException("a descriptor of the reply is not open: " + descriptor);
      }
    }
  }

  /// Runs a service as the program of a process: the `main` of an executable calls this and exits
  /// with its result.
  ///
  /// Takes `--service-id ID --service-fd FD`. SIGTERM and SIGINT are ignored, so that the host
  /// alone says when it ends, by closing the connection. Blocks until then.
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
      service.serve(JsonChannel.of(UnixSocket.of(Fd.adopt(fd)), Limits.DEFAULT));
      return 0;
    } catch (Exception failure) {
      System.err.println(service.getClass().getSimpleName() + ": " + failure);
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
