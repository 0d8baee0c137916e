package dev.caisson.fuzz;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.Service;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A service with a method for each kind of answer.
final class Sample extends Service {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private final UnixSocket host;
  private int stops;

  /// @param host the other end of the service's connection
  Sample(UnixSocket host) {
    this.host = host;
  }

  int stops() {
    return stops;
  }

  @Override
  protected void stop() {
    stops++;
  }

  @Override
  protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) throws Exception {
    return switch (method) {
      case "echo" -> new Message(args, descriptors.stream().map(Fd::move).toList());
      // The descriptors of the call are closed when the method returns.
      case "return" -> new Message(args, descriptors);
      case "signal" -> {
        emitSignal(args, descriptors);
        yield Message.empty();
      }
      case "unwritable" -> Message.of(JSON.arrayNode().add(args).add(Double.NaN));
      case "many" -> new Message(args, copies(descriptors));
      case "fail" -> throw new IllegalStateException(args.toString());
      case "leave" -> {
        host.shutdown();
        yield Message.of(args);
      }
      default -> throw new IllegalArgumentException(method);
    };
  }

  /// More copies than a message can carry, if the call has a descriptor.
  private static List<Fd> copies(List<Fd> descriptors) throws Exception {
    var copies = new ArrayList<Fd>();
    if (!descriptors.isEmpty()) {
      for (int i = 0; i < UnixSocket.MAX_DESCRIPTORS; i++) {
        copies.add(descriptors.getFirst().dup());
      }
    }
    return copies;
  }

  /// The expected answers to a message. [#FAILURE] stands for any failure.
  ///
  /// @return empty if the host has left
  static List<Spoken> answers(Spoken said) {
    if (!(said instanceof Spoken.Call(var name, var args, var regular))) {
      return List.of(FAILURE);
    }
    var none = Collections.<Boolean>emptyList();
    return switch (name) {
      case "echo" -> List.of(regular.size() > 252 ? FAILURE : new Spoken.Reply(args, regular));
      case "return", "many" -> List.of(regular.isEmpty() ? new Spoken.Reply(args, none) : FAILURE);
      case "signal" ->
          regular.size() > 252
              ? List.of(FAILURE)
              : List.of(new Spoken.Signal(args, regular), new Spoken.Reply(JSON.nullNode(), none));
      case "leave" -> List.of();
      default -> List.of(FAILURE);
    };
  }

  static final Spoken FAILURE = new Spoken.Failure("", "", "");
}
