package dev.caisson.engine.spi;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The connection of an input to the object store, over the socket that the arguments of `map` name
/// as `api.store`.
///
/// For one thread at a time.
public final class StoreClient implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(60);

  private final JsonChannel channel;

  private StoreClient(JsonChannel channel) {
    this.channel = channel;
  }

  /// Connects to the store.
  public static StoreClient connect(Path socket) throws IOException {
    return new StoreClient(JsonChannel.connect(socket, Limits.DEFAULT, DEADLINE));
  }

  /// Mounts the tree of an object, or a subtree of it, read-only on an existing directory or file.
  ///
  /// @return whether the object exists
  public boolean readTreeAt(String objectId, Path target, String subtree) throws IOException {
    var request = request("read-tree-at");
    request.put("object-id", objectId);
    request.put("target", target.toString());
    request.put("subtree", subtree);
    return path(ask(request)).isPresent();
  }

  /// The directory where the store keeps a kind of content, such as `org.osbuild.files`.
  public Path source(String name) throws IOException {
    var request = request("source");
    request.put("name", name);
    return path(ask(request))
        .orElseThrow(() -> new BuildException(Step.STORE, "the store has no " + name));
  }

  private static ObjectNode request(String method) {
    return JsonNodeFactory.instance.objectNode().put("method", method);
  }

  private JsonNode ask(ObjectNode request) throws IOException {
    channel.send(request, List.of(), DEADLINE);
    try (var answer =
        channel
            .receive(DEADLINE)
            .orElseThrow(() -> new BuildException(Step.STORE, "the store closed the connection"))) {
      var value = answer.value();
      if (value.has("error")) {
        throw new BuildException(Step.STORE, "the store: " + value.path("error").asString());
      }
      if (value.has("exception")) {
        throw new BuildException(
            Step.STORE, "the store: " + value.path("exception").path("value").asString());
      }
      return value;
    }
  }

  private static Optional<Path> path(JsonNode answer) {
    var path = answer.get("path");
    return path == null || path.isNull() ? Optional.empty() : Optional.of(Path.of(path.asString()));
  }

  @Override
  public void close() {
    channel.close();
  }
}
