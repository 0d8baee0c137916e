package dev.caisson.recipe;

import dev.caisson.ipc.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The manifest that a recipe resolves to, with every package locked.
public final class Lock {
  private static final String INSTALLATION = "dev.caisson.debian";
  private static final String COMMAND = "dev.caisson.command";

  /// A stage of a recipe, as far as the recipe alone tells it.
  ///
  /// @param type the name of the stage
  /// @param options its options, without the resolved packages
  public record PlannedStage(String type, JsonNode options) {}

  private static final String GENERATOR = "dev.caisson.recipe";

  /// The generator whose version says what the packages of a lock were selected from: the SHA-256
  /// of [Recipe#selection()], the suite, the architecture of the machine, and the epoch.
  private static final String SELECTION = "dev.caisson.recipe.packages";

  private static final String SHA256 = "sha256:";
  private static final String FILES = "org.osbuild.files";

  private Lock() {}

  /// Makes the manifest of a recipe.
  ///
  /// @param resolution the packages that apt chose
  public static JsonNode manifest(Recipe recipe, AptResolver.Resolution resolution) {
    var manifest = JsonNodeFactory.instance.objectNode();
    manifest.put("version", "2");
    var metadata = manifest.putObject("metadata");
    var generators = metadata.putArray("generators");
    generators.addObject().put("name", GENERATOR).put("version", recipe.fingerprint());
    generators
        .addObject()
        .put("name", SELECTION)
        .put(
            "version",
            "%s %s %s %d"
                .formatted(
                    recipe.selection(),
                    resolution.suite(),
                    resolution.architecture(),
                    resolution.epoch()));
    var export = recipe.archive().isPresent() ? "tar" : "tree";
    metadata.putArray("exports").addObject().put("name", export);

    var items = manifest.putObject("sources").putObject("org.osbuild.curl").putObject("items");
    for (var chosen : resolution.packages()) {
      items.putObject(SHA256 + chosen.sha256()).put("url", chosen.url()).put("size", chosen.size());
    }

    var pipelines = manifest.putArray("pipelines");
    long epoch = recipe.sourceEpoch().orElse(resolution.epoch());
    var tree = pipelines.addObject();
    tree.put("name", "tree");
    tree.put("source-epoch", epoch);
    var stages = tree.putArray("stages");
    stages.add(debian(recipe, resolution));
    for (var command : recipe.run()) {
      stages.addObject().put("type", COMMAND).set("options", command(command));
    }

    recipe
        .archive()
        .ifPresent(filename -> {
          var tar = pipelines.addObject();
          tar.put("name", "tar");
          tar.put("source-epoch", epoch);
          var stage = tar.putArray("stages").addObject().put("type", "org.osbuild.tar");
          var input = stage.putObject("inputs").putObject("tree");
          input.put("type", "org.osbuild.tree");
          input.put("origin", "org.osbuild.pipeline");
          input.putArray("references").add("name:tree");
          stage
              .putObject("options")
              .put("filename", filename)
              .put("numeric-owner", true)
              .put("sparse", true);
        });
    return manifest;
  }

  private static ObjectNode debian(Recipe recipe, AptResolver.Resolution resolution) {
    var stage = JsonNodeFactory.instance.objectNode();
    stage.put("type", INSTALLATION);
    var input = stage.putObject("inputs").putObject("packages");
    input.put("type", FILES);
    input.put("origin", "org.osbuild.source");
    var references = input.putObject("references");
    for (var chosen : resolution.packages()) {
      references
          .putObject(SHA256 + chosen.sha256())
          .putObject("metadata")
          .put("deb.name", chosen.name())
          .put("deb.version", chosen.version())
          .put("deb.architecture", chosen.architecture());
    }
    var options = installation(recipe);
    stage.set("options", options);
    var packages = options.putArray("packages");
    recipe.packages().stream()
        .map(text -> RequestedPackage.of(text).locked(resolution.architecture()))
        .distinct()
        .forEach(packages::add);
    return stage;
  }

  /// The stages of a recipe that make the tree, in their order. Needs no network.
  public static List<PlannedStage> stages(Recipe recipe) {
    var stages = new ArrayList<PlannedStage>();
    stages.add(new PlannedStage(INSTALLATION, installation(recipe)));
    recipe.run().forEach(command -> stages.add(new PlannedStage(COMMAND, command(command))));
    return stages;
  }

  private static ObjectNode installation(Recipe recipe) {
    return JsonNodeFactory.instance.objectNode().put("variant", recipe.variant());
  }

  private static ObjectNode command(List<String> argv) {
    var options = JsonNodeFactory.instance.objectNode();
    argv.forEach(options.putArray("argv")::add);
    return options.put("in-tree", true);
  }

  /// Whether a manifest is the lock of the current text of a recipe.
  public static boolean fits(JsonNode manifest, Recipe recipe) {
    return generator(manifest, GENERATOR).equals(Optional.of(recipe.fingerprint()));
  }

  /// The packages of an older lock, if the recipe still selects the same: its suite, its variant
  /// and its packages are unchanged. Empty if the lock is of another selection, or is not readable.
  public static Optional<AptResolver.Resolution> packages(JsonNode manifest, Recipe recipe) {
    var words = generator(manifest, SELECTION).orElse("").split(" ", -1);
    if (words.length != 4
        || !words[0].equals(recipe.selection())
        || !words[3].matches("\\d{1,15}")) {
      return Optional.empty();
    }
    var stage = manifest.path("pipelines").path(0).path("stages").path(0);
    var items = manifest.path("sources").path("org.osbuild.curl").path("items");
    var packages = new ArrayList<LockedPackage>();
    for (var reference : stage.path("inputs").path("packages").path("references").properties()) {
      var metadata = reference.getValue().path("metadata");
      var item = items.path(reference.getKey());
      var url = item.path("url").asString("");
      if (!reference.getKey().startsWith(SHA256) || url.isEmpty()) {
        return Optional.empty();
      }
      packages.add(
          new LockedPackage(
              metadata.path("deb.name").asString(""),
              metadata.path("deb.version").asString(""),
              metadata.path("deb.architecture").asString(""),
              item.path("size").asLong(0),
              reference.getKey().substring(SHA256.length()),
              url));
    }
    return packages.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new AptResolver.Resolution(words[1], words[2], packages, Long.parseLong(words[3])));
  }

  private static Optional<String> generator(JsonNode manifest, String name) {
    for (var generator : manifest.path("metadata").path("generators")) {
      if (generator.path("name").asString("").equals(name)) {
        return Optional.of(generator.path("version").asString(""));
      }
    }
    return Optional.empty();
  }

  /// Returns the directory of a lock.
  ///
  /// @throws ResolveException if there is no such directory
  public static Path directory(Path file) throws ResolveException {
    var directory = file.toAbsolutePath().getParent();
    if (directory == null) {
      throw new ResolveException("cannot write the lock: not the name of a file: " + file);
    }
    if (!Files.isDirectory(directory)) {
      throw new ResolveException(
          "cannot write %s: there is no directory %s. Make it, or choose another file"
              .formatted(file, directory));
    }
    return directory;
  }

  /// Writes a manifest, indented. Replaces the file atomically.
  public static void write(JsonNode manifest, Path file) throws IOException {
    var directory = directory(file);
    var absolute = file.toAbsolutePath();
    var temporary = Files.createTempFile(directory, "." + absolute.getFileName(), ".new");
    try {
      Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rw-r--r--"));
      Files.writeString(temporary, Json.indented(manifest));
      Files.move(temporary, absolute, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }
}
