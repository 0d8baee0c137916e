package dev.caisson.recipe;

import dev.caisson.ipc.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The manifest that a recipe resolves to, with every package locked.
public final class Lock {
  private static final String GENERATOR = "dev.caisson.recipe";
  private static final String FILES = "org.osbuild.files";

  private Lock() {}

  /// Makes the manifest of a recipe.
  ///
  /// @param resolution the packages that apt chose
  public static JsonNode manifest(Recipe recipe, AptResolver.Resolution resolution) {
    var manifest = JsonNodeFactory.instance.objectNode();
    manifest.put("version", "2");
    var metadata = manifest.putObject("metadata");
    metadata
        .putArray("generators")
        .addObject()
        .put("name", GENERATOR)
        .put("version", recipe.fingerprint());
    var export = recipe.archive().isPresent() ? "tar" : "tree";
    metadata.putArray("exports").addObject().put("name", export);

    var items = manifest.putObject("sources").putObject("org.osbuild.curl").putObject("items");
    for (var chosen : resolution.packages()) {
      items
          .putObject("sha256:" + chosen.sha256())
          .put("url", chosen.url())
          .put("size", chosen.size());
    }

    var pipelines = manifest.putArray("pipelines");
    long epoch = recipe.sourceEpoch().orElse(resolution.epoch());
    var tree = pipelines.addObject();
    tree.put("name", "tree");
    tree.put("source-epoch", epoch);
    var stages = tree.putArray("stages");
    stages.add(debian(recipe, resolution));
    for (var command : recipe.run()) {
      var options = stages.addObject().put("type", "dev.caisson.command").putObject("options");
      command.forEach(options.putArray("argv")::add);
      options.put("in-tree", true);
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
          stage.putObject("options").put("filename", filename).put("numeric-owner", true);
        });
    return manifest;
  }

  private static ObjectNode debian(Recipe recipe, AptResolver.Resolution resolution) {
    var stage = JsonNodeFactory.instance.objectNode();
    stage.put("type", "dev.caisson.debian");
    var input = stage.putObject("inputs").putObject("packages");
    input.put("type", FILES);
    input.put("origin", "org.osbuild.source");
    var references = input.putObject("references");
    for (var chosen : resolution.packages()) {
      references
          .putObject("sha256:" + chosen.sha256())
          .putObject("metadata")
          .put("deb.name", chosen.name())
          .put("deb.version", chosen.version())
          .put("deb.architecture", chosen.architecture());
    }
    var options = stage.putObject("options");
    options.put("variant", recipe.variant());
    recipe.packages().forEach(options.putArray("packages")::add);
    return stage;
  }

  /// Whether a manifest is the lock of the current text of a recipe.
  public static boolean fits(JsonNode manifest, Recipe recipe) {
    for (var generator : manifest.path("metadata").path("generators")) {
      if (generator.path("name").asString("").equals(GENERATOR)) {
        return generator.path("version").asString("").equals(recipe.fingerprint());
      }
    }
    return false;
  }

  /// Writes a manifest, indented. Replaces the file atomically.
  public static void write(JsonNode manifest, Path file) throws IOException {
    var absolute = file.toAbsolutePath();
    var directory = absolute.getParent();
    if (directory == null) {
      throw new ResolveException("cannot write the lock: not the name of a file: " + file);
    }
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
