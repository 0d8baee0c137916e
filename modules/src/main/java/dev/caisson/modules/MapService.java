package dev.caisson.modules;

import dev.caisson.engine.spi.StoreClient;
import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.service.Service;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// The service of an input. Its only method is `map`.
abstract class MapService extends Service {
  /// Mounts or links what the references name below the target, an existing directory.
  ///
  /// @return `{"path": ..., "data": ...}`
  abstract JsonNode map(StoreClient store, JsonNode args, Path target) throws IOException;

  @Override
  protected Message dispatch(String method, JsonNode args, List<Fd> descriptors)
      throws IOException {
    if (!method.equals("map")) {
      throw new IllegalArgumentException(
          "an input has only the method 'map', not '" + method + "'");
    }
    var socket = Path.of(args.path("api").path("store").asString());
    try (var store = StoreClient.connect(socket)) {
      return Message.of(map(store, args, Path.of(args.path("target").asString())));
    }
  }
}
