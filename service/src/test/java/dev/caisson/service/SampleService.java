package dev.caisson.service;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The methods of the test services, in Java: inside the JVM, or as a program.
public final class SampleService extends Service {
  static final String FAREWELL = "stopped in good order";

  private final Runnable farewell;

  public SampleService(Runnable farewell) {
    this.farewell = farewell;
  }

  /// The program.
  public static void main(String... args) {
    System.exit(ServiceProgram.main(new SampleService(() -> System.out.println(FAREWELL)), args));
  }

  @Override
  protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) throws Exception {
    var factory = JsonNodeFactory.instance;
    return switch (method) {
      case "echo" -> echo(args, descriptors);
      case "nothing" -> Message.empty();
      case "fail" -> throw new IllegalStateException(args.get(0).stringValue());
      case "sized" -> Message.of(factory.stringNode("x".repeat(args.get(0).intValue())));
      case "signals" -> {
        for (int i = 0; i < args.get(0).intValue(); i++) {
          emitSignal(factory.numberNode(i), descriptors);
        }
        yield Message.of(factory.stringNode("done"));
      }
      case "later" -> later(args.get(0).intValue(), descriptors);
      case "wait" -> {
        emitSignal(factory.stringNode("waiting"), List.of());
        descriptors.getFirst().await(Set.of(PollEvent.IN), Support.LONG, "the test");
        yield Message.of(args);
      }
      case "open_descriptors" -> Message.of(factory.numberNode(Support.openDescriptors()));
      default -> throw new UnsupportedOperationException(method);
    };
  }

  /// Waits until the peer of the first descriptor is closed, then sends signals with the third and
  /// later descriptors, then closes the second.
  private Message later(int count, List<Fd> descriptors) {
    var own = descriptors.stream().map(Fd::move).toList();
    Thread.startVirtualThread(() -> {
      try {
        own.get(0).await(Set.of(PollEvent.IN), Support.LONG, "the test");
        for (int i = 0; i < count; i++) {
          emitSignal(JsonNodeFactory.instance.numberNode(i), own.subList(2, own.size()));
        }
      } catch (IOException hostGone) {
        // The host has left, so no receiver misses a signal.
      } finally {
        Fd.closeAll(own);
      }
    });
    return Message.empty();
  }

  private static Message echo(JsonNode args, List<Fd> descriptors) throws IOException {
    var moved = new ArrayList<Fd>();
    for (var descriptor : descriptors) {
      moved.add(descriptor.move());
    }
    return new Message(args, moved);
  }

  @Override
  protected void stop() {
    farewell.run();
  }
}
