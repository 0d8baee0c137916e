package dev.caisson.modules;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.engine.spi.InputModule;
import dev.caisson.engine.spi.ServiceLog;
import dev.caisson.engine.spi.StoreClient;
import dev.caisson.service.Service;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Mounts single files for a stage: fetched files, named by their checksums, or files of pipelines'
/// trees.
final class FilesInput implements InputModule {
  @Override
  public String name() {
    return "org.osbuild.files";
  }

  @Override
  public Service service(ServiceLog log) {
    return new MapService() {
      @Override
      JsonNode map(StoreClient store, JsonNode args, Path target) throws IOException {
        var reply = JsonNodeFactory.instance.objectNode().put("path", target.toString());
        var files = reply.putObject("data").putObject("files");
        boolean fetched = args.path("origin").asString().equals("org.osbuild.source");
        for (var reference : args.path("refs").properties()) {
          var options = reference.getValue();
          var name =
              fetched
                  ? link(store, reference.getKey(), target)
                  : show(store, reference.getKey(), options.path("file").asString("/"), target);
          var metadata = options.path("metadata");
          files.set(name, metadata.isObject() ? metadata : JsonNodeFactory.instance.objectNode());
        }
        return reply;
      }
    };
  }

  /// Makes a hard link to a fetched file, which needs no copy.
  private static String link(StoreClient store, String checksum, Path target) throws IOException {
    Files.createLink(target.resolve(checksum), store.source("org.osbuild.files").resolve(checksum));
    return checksum;
  }

  private static String show(StoreClient store, String pipeline, String file, Path target)
      throws IOException {
    var name = Path.of("/", file).normalize().toString().substring(1);
    var place = target.resolve(name);
    var parent = place.getParent();
    if (name.isEmpty() || parent == null) {
      throw new BuildException(
          Step.INPUT, "the reference to pipeline '" + pipeline + "' names no file");
    }
    Files.createDirectories(parent);
    Files.createFile(place);
    if (!store.readTreeAt(pipeline, place, "/" + name)) {
      throw new BuildException(Step.INPUT, "the store has no pipeline '" + pipeline + "'");
    }
    return name;
  }
}
