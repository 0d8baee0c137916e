package dev.caisson.engine.manifest;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A valid manifest: every name in it is known and every reference is resolved.
///
/// Safe for many threads, as long as none changes the JSON in it.
///
/// @param sources the sources, each with the items to fetch
/// @param pipelines in the order of the manifest; a pipeline refers only to earlier ones
/// @param metadata the metadata of the manifest; an empty object if it has none
public record Manifest(List<Source> sources, List<Pipeline> pipelines, JsonNode metadata) {
  /// A source and the items to fetch from it.
  ///
  /// @param items the items by their checksums, such as `sha256:...`
  public record Source(String name, JsonNode items, JsonNode options) {}

  /// A sequence of stages that begins with an empty tree.
  ///
  /// @param build the id of the pipeline whose tree is the build root; the host's root if empty
  /// @param runner the runner for pipelines that are built in this pipeline's tree, if the manifest
  ///   names one
  public record Pipeline(
      String name,
      Optional<String> build,
      Optional<String> runner,
      OptionalLong sourceEpoch,
      List<Stage> stages) {
    /// The id of the last stage: the same for pipelines that produce the same tree. Empty if the
    /// pipeline has no stages.
    public Optional<String> id() {
      return stages.isEmpty() ? Optional.empty() : Optional.of(stages.getLast().id());
    }

    /// The ids of the pipelines whose trees this one needs.
    public Set<String> dependencies() {
      var ids = new LinkedHashSet<String>();
      build.ifPresent(ids::add);
      for (var stage : stages) {
        ids.addAll(stage.dependencies());
      }
      return ids;
    }
  }

  /// One step of a pipeline.
  ///
  /// @param id the hash of all that determines the tree after this stage
  /// @param inputs the inputs by their names
  public record Stage(String type, String id, JsonNode options, Map<String, Input> inputs) {
    static Stage of(
        String type,
        Optional<String> build,
        Optional<String> base,
        JsonNode options,
        OptionalLong sourceEpoch,
        Map<String, Input> inputs) {
      var id = new ContentId().add(type).add(build).add(base).add(options);
      sourceEpoch.ifPresent(epoch -> id.add(JsonNodeFactory.instance.numberNode(epoch)));
      if (!inputs.isEmpty()) {
        var ids = new LinkedHashMap<String, String>();
        inputs.forEach((name, input) -> ids.put(name, input.id()));
        id.add(ids);
      }
      return new Stage(type, id.hex(), options, inputs);
    }

    /// The ids of the pipelines that the inputs come from.
    public Set<String> dependencies() {
      var ids = new LinkedHashSet<String>();
      for (var input : inputs.values()) {
        if (input.fromPipeline()) {
          ids.addAll(input.references().propertyNames());
        }
      }
      return ids;
    }
  }

  /// An input of a stage: content that is mounted for it.
  ///
  /// @param origin `org.osbuild.source` or `org.osbuild.pipeline`
  /// @param references ids of pipelines, or checksums of fetched items, each with its options
  public record Input(String type, String origin, JsonNode references, JsonNode options) {
    String id() {
      return new ContentId().add(type).add(origin).add(references).add(options).hex();
    }

    boolean fromPipeline() {
      return origin.equals("org.osbuild.pipeline");
    }
  }

  /// Finds a pipeline by its name or its id.
  public Optional<Pipeline> pipeline(String nameOrId) {
    return pipelines.stream()
        .filter(p -> p.name().equals(nameOrId) || p.id().equals(Optional.of(nameOrId)))
        .findFirst();
  }

  /// The pipelines to export by default: those that the metadata names, or else the last one.
  public List<String> defaultExports() {
    var names = new ArrayList<String>();
    for (var export : metadata.path("exports")) {
      names.add(export.path("name").asString(""));
    }
    if (names.isEmpty() && !pipelines.isEmpty()) {
      names.add(pipelines.getLast().name());
    }
    return names;
  }

  /// The names of the sources and the pipelines.
  @Override
  public String toString() {
    return "Manifest[sources %s, pipelines %s]"
        .formatted(
            sources.stream().map(Source::name).toList(),
            pipelines.stream().map(Pipeline::name).toList());
  }
}
