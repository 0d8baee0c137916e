package dev.caisson.engine.run;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.engine.manifest.Manifest;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.manifest.ModuleInfo;
import dev.caisson.engine.spi.StageContext.MappedInput;
import dev.caisson.engine.spi.StageException;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.service.ServiceException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Maps the inputs of a stage: the service of each input fills a directory that the stage sees.
final class InputMapper {
  /// The directory of the store's socket for executables: `connect(2)` accepts at most 107 bytes of
  /// a path, and the path of a store may be longer. The directory is empty on the host; only the
  /// services of this stage see the mount on it.
  private static final Path SHORT = Path.of("/run/caisson");

  private static final Duration DEADLINE = Duration.ofMinutes(10);

  private final ModuleIndex index;
  private final ModuleServices services;
  private final SpawnThread mounts;
  private final Path inputs;
  private final Path store;
  private boolean shortened;

  /// @param mounts the thread whose mount namespace the services are in
  /// @param inputs the directory that the stage sees as `/run/osbuild/inputs`
  /// @param store the socket of the object store, alone in its directory
  InputMapper(
      ModuleIndex index, ModuleServices services, SpawnThread mounts, Path inputs, Path store) {
    this.index = index;
    this.services = services;
    this.mounts = mounts;
    this.inputs = inputs;
    this.store = store;
  }

  /// Maps one input.
  ///
  /// @return the input, with its path relative to the directory of all inputs
  MappedInput map(String name, Manifest.Input input) throws IOException {
    var target = Files.createDirectory(inputs.resolve(name));
    var args = JsonNodeFactory.instance.objectNode();
    args.put("origin", input.origin());
    args.set("refs", input.references());
    args.put("target", target.toString());
    args.set("options", input.options());
    var found =
        index
            .find(ModuleInfo.Kind.INPUT, input.type())
            .orElseThrow(() -> new BuildException(Step.INPUT, "no input " + input.type()));
    var address =
        switch (found) {
          case ModuleIndex.Found.Executable _ -> shortAddress();
          case ModuleIndex.Found.Builtin _ -> store;
        };
    args.putObject("api").put("store", address.toString());
    var reply = call("input/" + name, found, args);
    var path = Path.of(reply.path("path").asString("")).normalize();
    if (!path.startsWith(target)) {
      throw new StageException(
          "the input '%s' returned %s, which is not below %s".formatted(name, path, target));
    }
    return new MappedInput(inputs.relativize(path).toString(), reply.path("data"));
  }

  private JsonNode call(String id, ModuleIndex.Found found, JsonNode args) throws IOException {
    try {
      return services.start(id, found).call("map", args, DEADLINE);
    } catch (ServiceException failure) {
      throw ServiceFailure.of(id, failure);
    }
  }

  private Path shortAddress() throws IOException {
    if (!shortened) {
      Files.createDirectories(SHORT);
      var directory = store.toAbsolutePath().getParent();
      if (directory == null) {
        throw new BuildException(Step.INPUT, "the socket of the store has no directory: " + store);
      }
      mounts.call(() -> {
        Mounts.bind(directory, SHORT);
        return SHORT;
      });
      shortened = true;
    }
    return SHORT.resolve(store.getFileName());
  }
}
