package dev.caisson.modules;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.engine.spi.InputModule;
import dev.caisson.engine.spi.ServiceLog;
import dev.caisson.engine.spi.StoreClient;
import dev.caisson.service.Service;
import java.io.IOException;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Mounts the tree of a pipeline, read-only.
final class TreeInput implements InputModule {
  @Override
  public String name() {
    return "org.osbuild.tree";
  }

  @Override
  public Service service(ServiceLog log) {
    return new MapService() {
      @Override
      JsonNode map(StoreClient store, JsonNode args, Path target) throws IOException {
        var id = args.path("refs").propertyNames().iterator().next();
        if (!store.readTreeAt(id, target, "/")) {
          throw new BuildException(Step.INPUT, "the store has no pipeline '" + id + "'");
        }
        return JsonNodeFactory.instance.objectNode().put("path", target.toString());
      }
    };
  }
}
