package dev.caisson.engine.manifest;

import dev.caisson.sandbox.Capability;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The description of a module, from its `meta.json`.
///
/// Safe for many threads, as long as none of them changes the schema.
///
/// @param capabilities the capabilities that the module needs beyond those of every stage
/// @param schema the schema of the whole entry in a manifest, for version 2
public record ModuleInfo(
    Kind kind, String name, String summary, Set<Capability> capabilities, JsonNode schema) {
  /// The kinds of module. Each has its own directory in a library directory.
  public enum Kind {
    /// Changes a tree.
    STAGE("stages"),
    /// Mounts content from elsewhere for a stage.
    INPUT("inputs"),
    /// Fetches files.
    SOURCE("sources");

    private final String directory;

    Kind(String directory) {
      this.directory = directory;
    }

    String directory() {
      return directory;
    }
  }

  /// Reads a description.
  ///
  /// @throws IllegalArgumentException if the description names an unknown capability, or has no
  ///   schema
  static ModuleInfo of(Kind kind, String name, JsonNode meta) {
    var capabilities = EnumSet.noneOf(Capability.class);
    for (var capability : meta.path("capabilities")) {
      capabilities.add(Capability.valueOf(capability.asString()));
    }
    var written = meta.path("schema_2").isEmpty() ? meta.get("schema") : meta.get("schema_2");
    if (!(written instanceof ObjectNode)) {
      throw new IllegalArgumentException("the description of " + name + " has no schema");
    }
    if (kind == Kind.STAGE && meta.path("schema_2").isEmpty()) {
      // The schema of version 1 of the format describes only the options.
      written = JsonNodeFactory.instance.objectNode().set("options", written);
    }
    var schema = kind == Kind.STAGE ? stageSchema(name, written) : entrySchema(kind, name, written);
    return new ModuleInfo(
        kind, name, meta.path("summary").asString(""), Set.copyOf(capabilities), schema);
  }

  /// Makes the schema of a stage's entry from the schemas of its properties: options, inputs,
  /// devices, mounts.
  private static JsonNode stageSchema(String name, JsonNode properties) {
    var schema = JsonNodeFactory.instance.objectNode();
    schema.put("type", "object");
    schema.put("additionalProperties", false);
    var all = schema.putObject("properties");
    all.putObject("type").putArray("enum").add(name);
    all.putObject("devices");
    all.putObject("mounts");
    properties.properties().forEach(entry -> all.set(entry.getKey(), entry.getValue().deepCopy()));
    schema.putArray("required").add("type");
    hoistDefinitions(schema, all);
    if (all.get("options") instanceof ObjectNode options) {
      hoistDefinitions(schema, options);
      for (var needed : List.of("options", "inputs")) {
        if (all.path(needed).path("required").size() > 0) {
          schema.withArray("required").add(needed);
        }
      }
    }
    return schema;
  }

  /// Moves definitions to the top of the schema, where references to them point.
  private static void hoistDefinitions(ObjectNode schema, ObjectNode from) {
    var definitions = from.remove("definitions");
    if (definitions != null) {
      schema.set("definitions", definitions);
    }
  }

  private static JsonNode entrySchema(Kind kind, String name, JsonNode written) {
    var schema = (ObjectNode) written.deepCopy();
    if (kind == Kind.SOURCE && schema.get("properties") instanceof ObjectNode properties) {
      // The format allows options on every source, but osbuild's schemas omit them.
      properties.putIfAbsent(
          "options", JsonNodeFactory.instance.objectNode().put("type", "object"));
    }
    schema.putIfAbsent("title", JsonNodeFactory.instance.stringNode(name));
    return schema;
  }

  /// All capabilities of a stage: the default ones and its own.
  public Set<Capability> stageCapabilities() {
    var all = EnumSet.copyOf(Capability.STAGE_DEFAULT);
    all.addAll(capabilities);
    return all;
  }
}
