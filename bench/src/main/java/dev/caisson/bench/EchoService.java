package dev.caisson.bench;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.service.Service;
import dev.caisson.service.ServiceProgram;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The service that the benchmarks call. It returns its arguments, or their length.
public final class EchoService extends Service {
  /// The program.
  public static void main(String... args) {
    System.exit(ServiceProgram.main(new EchoService(), args));
  }

  @Override
  protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) {
    if (method.equals("length")) {
      return Message.of(JsonNodeFactory.instance.numberNode(args.get(0).stringValue().length()));
    }
    var given = new ArrayList<Fd>(descriptors.size());
    for (var descriptor : descriptors) {
      given.add(descriptor.move());
    }
    return new Message(args, given);
  }
}
