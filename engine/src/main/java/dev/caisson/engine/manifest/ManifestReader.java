package dev.caisson.engine.manifest;

import dev.caisson.engine.manifest.Manifest.Input;
import dev.caisson.engine.manifest.Manifest.Pipeline;
import dev.caisson.engine.manifest.Manifest.Source;
import dev.caisson.engine.manifest.Manifest.Stage;
import dev.caisson.engine.manifest.ManifestException.Problem;
import dev.caisson.files.BoundedFile;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Reads a manifest: validates it against the schemas of the format and of all modules that it
/// names, and resolves its references. Reports all problems of a step at once.
///
/// Safe for many threads.
public final class ManifestReader {
  private final ModuleIndex index;
  private final List<Problem> problems = new ArrayList<>();

  private ManifestReader(ModuleIndex index) {
    this.index = index;
  }

  /// Reads the JSON of a manifest from a file, without validating it.
  ///
  /// @throws MessageException if it is not JSON, with line and column
  /// @throws IOException if the file cannot be read, or is longer than a manifest may be
  public static JsonNode json(Path file) throws IOException {
    return Json.within(Limits.DEFAULT).parse(BoundedFile.MANIFEST.read(file));
  }

  /// Reads a manifest.
  ///
  /// @throws ManifestException if it is not valid
  /// @throws IOException if the description of a module cannot be read
  public static Manifest read(JsonNode json, ModuleIndex index) throws IOException {
    var reader = new ManifestReader(index);
    reader.refuseInfinity(json, new StringBuilder());
    reader.stop();
    reader.problems.addAll(Schemas.validate(Schemas.manifest(), json, ""));
    reader.stop();
    reader.validateModules(json);
    reader.stop();
    return reader.load(json);
  }

  private void stop() throws ManifestException {
    if (!problems.isEmpty()) {
      throw new ManifestException(problems);
    }
  }

  /// Refuses numbers such as 1e400: they are JSON, but would be read as infinity, which is not
  /// JSON.
  private void refuseInfinity(JsonNode value, StringBuilder path) {
    int length = path.length();
    if (value.isFloatingPointNumber() && Double.isInfinite(value.doubleValue())) {
      problems.add(new Problem(path.toString(), "is too large for a floating-point number"));
    }
    for (var entry : value.properties()) {
      Schemas.append(path, entry.getKey());
      refuseInfinity(entry.getValue(), path);
      path.setLength(length);
    }
    for (int i = 0; value.isArray() && i < value.size(); i++) {
      Schemas.append(path, i);
      refuseInfinity(value.get(i), path);
      path.setLength(length);
    }
  }

  private void validateModules(JsonNode json) throws IOException {
    for (var source : json.path("sources").properties()) {
      var path = new StringBuilder("sources");
      Schemas.append(path, source.getKey());
      validate(ModuleInfo.Kind.SOURCE, source.getKey(), source.getValue(), path.toString());
    }
    int p = 0;
    for (var pipeline : json.path("pipelines")) {
      int s = 0;
      for (var stage : pipeline.path("stages")) {
        validateStage(stage, "pipelines[%d].stages[%d]".formatted(p, s++));
      }
      p++;
    }
  }

  private void validateStage(JsonNode stage, String path) throws IOException {
    refuse(stage.path("devices"), path + ".devices", "devices");
    refuse(stage.path("mounts"), path + ".mounts", "mounts");
    validate(ModuleInfo.Kind.STAGE, stage.path("type").asString(), stage, path);
    for (var input : stage.path("inputs").properties()) {
      var at = new StringBuilder(path + ".inputs");
      Schemas.append(at, input.getKey());
      var type = input.getValue().path("type").asString();
      validate(ModuleInfo.Kind.INPUT, type, input.getValue(), at.toString());
    }
  }

  private void refuse(JsonNode these, String path, String what) {
    for (var one : these) {
      problems.add(
          new Problem(
              path,
              "'%s' asks for %s, which this version cannot provide yet"
                  .formatted(one.path("type").asString("?"), what)));
    }
  }

  private void validate(ModuleInfo.Kind kind, String name, JsonNode entry, String path)
      throws IOException {
    var found = index.find(kind, name);
    if (found.isPresent()) {
      problems.addAll(Schemas.validate(found.get().info().schema(), entry, path));
      return;
    }
    var where = kind == ModuleInfo.Kind.SOURCE ? path : path + ".type";
    problems.add(new Problem(where, unknown(kind, name)));
  }

  private String unknown(ModuleInfo.Kind kind, String name) throws IOException {
    var known = index.names(kind);
    var word = kind.toString().toLowerCase(java.util.Locale.ROOT);
    var text = new StringBuilder("unknown %s '%s'.".formatted(word, name));
    text.append(Nearest.question(name, known));
    text.append(" Known: ").append(String.join(", ", known));
    if (name.startsWith("org.osbuild.")) {
      text.append(
          index.library().isPresent()
              ? ". The library directory %s has no %s %s"
                  .formatted(index.library().get().path(), word, name)
              : ". If it is a module of osbuild, install osbuild, or name the directory of its"
                  + " modules with --libdir DIR");
    }
    return text.toString();
  }

  private Manifest load(JsonNode json) throws ManifestException {
    var sources = new ArrayList<Source>();
    var checksums = new HashSet<String>();
    for (var entry : json.path("sources").properties()) {
      var items = entry.getValue().path("items");
      sources.add(new Source(entry.getKey(), items, object(entry.getValue().path("options"))));
      checksums.addAll(items.propertyNames());
    }
    var pipelines = new LinkedHashMap<String, Pipeline>();
    int p = 0;
    for (var description : json.path("pipelines")) {
      var path = "pipelines[%d]".formatted(p++);
      var pipeline = pipeline(description, path, pipelines, checksums);
      if (pipelines.put(pipeline.name(), pipeline) != null) {
        problems.add(
            new Problem(
                path + ".name", "an earlier pipeline has the name '" + pipeline.name() + "'"));
      }
    }
    for (var export : json.path("metadata").path("exports")) {
      var name = export.path("name").asString("");
      if (!pipelines.containsKey(name)) {
        problems.add(
            new Problem(
                "metadata.exports",
                "there is no pipeline with the name '%s'.%s"
                    .formatted(name, Nearest.question(name, pipelines.keySet()))));
      }
    }
    stop();
    return new Manifest(
        List.copyOf(sources), List.copyOf(pipelines.values()), object(json.path("metadata")));
  }

  private Pipeline pipeline(
      JsonNode description, String path, Map<String, Pipeline> before, Set<String> checksums) {
    Optional<String> build = Optional.empty();
    if (description.has("build")) {
      build = resolve(description.get("build").asString(), path + ".build", before);
    }
    var epoch =
        description.has("source-epoch")
            ? OptionalLong.of(description.get("source-epoch").asLong())
            : OptionalLong.empty();
    var stages = new ArrayList<Stage>();
    int s = 0;
    for (var stage : description.path("stages")) {
      Optional<String> base =
          stages.isEmpty() ? Optional.empty() : Optional.of(stages.getLast().id());
      var inputs =
          inputs(
              stage.path("inputs"), "%s.stages[%d].inputs".formatted(path, s++), before, checksums);
      stages.add(
          Stage.of(
              stage.get("type").asString(),
              build,
              base,
              object(stage.path("options")),
              epoch,
              inputs));
    }
    return new Pipeline(
        description.get("name").asString(),
        build,
        Optional.ofNullable(description.get("runner")).map(JsonNode::asString),
        epoch,
        List.copyOf(stages));
  }

  private Map<String, Input> inputs(
      JsonNode descriptions, String path, Map<String, Pipeline> before, Set<String> checksums) {
    var inputs = new LinkedHashMap<String, Input>();
    for (var entry : descriptions.properties()) {
      var at = new StringBuilder(path);
      Schemas.append(at, entry.getKey());
      var description = entry.getValue();
      var origin = description.get("origin").asString();
      var references = JsonNodeFactory.instance.objectNode();
      for (var reference : byName(description.get("references")).properties()) {
        var name = reference.getKey();
        if (origin.equals("org.osbuild.pipeline")) {
          int known = problems.size();
          var id = resolve(name, at + ".references", before);
          if (id.isPresent()) {
            references.set(id.get(), reference.getValue());
          } else if (problems.size() == known) {
            problems.add(
                new Problem(at + ".references", "the pipeline '" + name + "' has no stages"));
          }
        } else {
          if (!checksums.contains(name)) {
            problems.add(
                new Problem(
                    at + ".references", "no source of this manifest has the item '" + name + "'"));
          }
          references.set(name, reference.getValue());
        }
      }
      inputs.put(
          entry.getKey(),
          new Input(
              description.get("type").asString(),
              origin,
              references,
              object(description.path("options"))));
    }
    return Collections.unmodifiableMap(inputs);
  }

  /// Converts references to an object of options by name. They may also be a list of names or a
  /// list of `{"id", "options"}`.
  private static ObjectNode byName(JsonNode references) {
    if (references instanceof ObjectNode object) {
      return object;
    }
    var byName = JsonNodeFactory.instance.objectNode();
    for (var reference : references) {
      if (reference.isString()) {
        byName.putObject(reference.stringValue());
      } else {
        byName.set(reference.path("id").asString(), object(reference.path("options")));
      }
    }
    return byName;
  }

  /// Resolves `name:NAME` or an id to the id of an earlier pipeline.
  private Optional<String> resolve(String reference, String path, Map<String, Pipeline> before) {
    if (reference.startsWith("name:")) {
      var pipeline = before.get(reference.substring(5));
      if (pipeline != null) {
        return pipeline.id();
      }
    } else if (before.values().stream().anyMatch(p -> p.id().equals(Optional.of(reference)))) {
      return Optional.of(reference);
    }
    problems.add(
        new Problem(
            path,
            "no earlier pipeline is '%s'; earlier pipelines: %s"
                .formatted(
                    reference,
                    before.isEmpty()
                        ? "none"
                        : "name:" + String.join(", name:", before.keySet()))));
    return Optional.empty();
  }

  private static JsonNode object(JsonNode node) {
    return node.isObject() ? node : JsonNodeFactory.instance.objectNode();
  }
}
