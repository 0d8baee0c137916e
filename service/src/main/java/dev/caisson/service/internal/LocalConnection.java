package dev.caisson.service.internal;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// The connection to a service on a thread of the same JVM. Messages are passed as objects: nothing
/// is written as text, and no system call is made.
///
/// It behaves as a socket does: values are copied, the receiver owns its descriptors, and a message
/// that a socket could not send is refused.
///
/// Thread safety is that of [Connection].
public final class LocalConnection implements Connection {
  /// On a socket a value is nested two levels deeper: in the message and in its data.
  private static final Json JSON =
      Json.within(
          new Limits(
              Limits.DEFAULT.messageBytes(),
              Limits.DEFAULT.depth() - 2,
              Limits.DEFAULT.numberLength()));

  private final Mailbox incoming;
  private final Mailbox outgoing;

  private LocalConnection(Mailbox incoming, Mailbox outgoing) {
    this.incoming = incoming;
    this.outgoing = outgoing;
  }

  /// The two ends of a new connection.
  public record Pair(Connection host, Connection service) {}

  public static Pair pair() {
    var calls = new Mailbox();
    var answers = new Mailbox();
    return new Pair(new LocalConnection(answers, calls), new LocalConnection(calls, answers));
  }

  @Override
  public void send(ServiceMessage message, List<Fd> descriptors, Deadline deadline)
      throws IOException {
    JsonChannel.checkCount(descriptors);
    var copy = copy(message);
    var shared = new ArrayList<Fd>(descriptors.size());
    boolean sent = false;
    try {
      for (var descriptor : descriptors) {
        shared.add(descriptor.share());
      }
      sent = outgoing.put(new Delivery(copy, List.copyOf(shared)), deadline);
    } finally {
      if (!sent) {
        Fd.closeAll(shared);
      }
    }
    if (!sent) {
      throw new ClosedChannelException();
    }
  }

  private static ServiceMessage copy(ServiceMessage message) throws MessageException {
    return switch (message) {
      case ServiceMessage.Request call ->
          new ServiceMessage.Request(call.name(), copy(call.args()));
      case ServiceMessage.Reply reply -> new ServiceMessage.Reply(copy(reply.value()));
      case ServiceMessage.Signal signal -> new ServiceMessage.Signal(copy(signal.value()));
      case ServiceMessage.Failure failure -> failure;
    };
  }

  private static JsonNode copy(JsonNode value) throws MessageException {
    return JSON.copy(value);
  }

  @Override
  public Optional<Delivery> receive(Deadline deadline) throws IOException {
    return incoming.take(deadline);
  }

  @Override
  public boolean ready() {
    return incoming.ready();
  }

  @Override
  public void awaitReady(Deadline deadline) throws IOException {
    incoming.awaitReady(deadline);
  }

  @Override
  public void shutdown() {
    outgoing.end();
    incoming.end();
  }

  @Override
  public void close() {
    outgoing.end();
    incoming.discard();
  }
}
