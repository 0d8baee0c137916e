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

/// A manifest that has been read and found valid: every name in it is known and every reference
/// resolved.
///
/// Safe for many threads, as long as none changes the JSON in it.
///
/// @param sources what is fetched
/// @param pipelines in the order of the manifest; one refers only to those before it
/// @param metadata what the manifest says of itself; an empty object if nothing
public record Manifest(List<Source> sources, List<Pipeline> pipelines, JsonNode metadata) {
  /// A source and what is fetched from it.
  ///
  /// @param items by their checksums, such as `sha256:...`
  public record Source(String name, JsonNode items, JsonNode options) {}

  /// A sequence of stages that begins with an empty tree.
  ///
  /// @param build the id of the pipeline whose tree is the build root; the host's root if empty
  /// @param runner the runner that the manifest asks for, for those that are built in this
  ///   pipeline's tree
  public record Pipeline(
      String name,
      Optional<String> build,
      Optional<String> runner,
      OptionalLong sourceEpoch,
      List<Stage> stages) {
    /// The id of the last stage: the same for pipelines that produce the same tree. Empty without
    /// stages.
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
  /// @param id the hash of all that determines the tree after it
  /// @param inputs by the names that the stage knows them by
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

    /// The ids of the pipelines that its inputs come from.
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

  /// What a stage is shown.
  ///
  /// @param origin `org.osbuild.source` or `org.osbuild.pipeline`
  /// @param references ids of pipelines, or checksums of what sources fetch, each with its options
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

  /// What is to be exported unless the user says otherwise: the pipelines that the metadata names,
  /// or else the last.
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
