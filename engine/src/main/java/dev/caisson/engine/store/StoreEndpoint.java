package dev.caisson.engine.store;

import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.sandbox.ApiEndpoint;
import dev.caisson.sandbox.EndpointConnection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The endpoint `store`, over which the inputs of a stage access the object store, as osbuild's
/// `StoreServer`.
///
/// The sandbox does not get the endpoint. Only the sandbox of the stage sees its mounts.
///
/// Safe for many threads.
public final class StoreEndpoint implements ApiEndpoint {
  private final ObjectStore store;
  private final SpawnThread mounts;
  private final Path work;

  /// @param mounts the thread whose mount namespace gets the mounts
  /// @param work the directory for temporary directories; trees may be mounted only below it
  public StoreEndpoint(ObjectStore store, SpawnThread mounts, Path work) {
    this.store = store;
    this.mounts = mounts;
    this.work = work;
  }

  @Override
  public String name() {
    return "store";
  }

  @Override
  public Limits limits() {
    return Limits.DEFAULT;
  }

  @Override
  public void message(Message message, EndpointConnection connection) throws IOException {
    var request = message.value();
    var method = text(request, "method");
    var reply =
        switch (method) {
          case "read-tree" -> path(store.tree(text(request, "object-id")));
          case "read-tree-at" -> readTreeAt(request);
          case "mkdtemp" ->
              path(
                  Optional.of(
                      Files.createTempDirectory(work, request.path("prefix").asString("tmp-"))));
          case "source" -> path(Optional.of(source(text(request, "name"))));
          default -> throw new MessageException("the store has no method '" + method + "'");
        };
    connection.send(reply, List.of());
  }

  /// Mounts an object's tree, or a subtree of it, read-only at a place that the input made.
  private ObjectNode readTreeAt(JsonNode request) {
    var target = Path.of(text(request, "target")).normalize();
    var found = store.tree(text(request, "object-id"));
    if (found.isEmpty()) {
      return path(Optional.empty());
    }
    try {
      if (!target.startsWith(work)) {
        throw new MessageException(
            "the store mounts trees only below " + work + ", not at " + target);
      }
      var tree = found.get().toRealPath();
      var subtree = Path.of("/", text(request, "subtree")).normalize();
      var real = tree.resolve(Path.of("/").relativize(subtree)).toRealPath();
      if (!real.startsWith(tree)) {
        throw new MessageException(subtree + " leads out of the tree through a symbolic link");
      }
      mounts.call(() -> {
        Mounts.bindReadOnly(real, target);
        return target;
      });
      return path(Optional.of(target));
    } catch (IOException failure) {
      var reply = JsonNodeFactory.instance.objectNode();
      reply.put("error", String.valueOf(failure.getMessage()));
      return reply;
    }
  }

  private Path source(String name) throws MessageException {
    var path = store.sources().resolve(name).normalize();
    if (!path.startsWith(store.sources())) {
      throw new MessageException("not a valid name of a kind of content: " + name);
    }
    return path;
  }

  private static String text(JsonNode request, String key) {
    var value = request.get(key);
    return value == null ? "" : value.asString("");
  }

  private static ObjectNode path(Optional<Path> path) {
    var reply = JsonNodeFactory.instance.objectNode();
    if (path.isPresent()) {
      reply.put("path", path.get().toString());
    } else {
      reply.putNull("path");
    }
    return reply;
  }
}
