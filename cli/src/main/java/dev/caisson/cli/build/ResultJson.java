package dev.caisson.cli.build;

import dev.caisson.engine.manifest.Manifest;
import dev.caisson.engine.run.BuildResult;
import dev.caisson.engine.run.SourceResult;
import dev.caisson.engine.run.StageResult;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.sandbox.ExceptionEndpoint.Report;
import java.io.IOException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The JSON that `--json` and `--inspect` print, in the format of osbuild.
public final class ResultJson {
  private ResultJson() {}

  /// The result of a build.
  public static JsonNode result(Manifest manifest, BuildResult result, ObjectStore store)
      throws IOException {
    var json = JsonNodeFactory.instance.objectNode();
    json.put("type", result.success() ? "result" : "error");
    json.put("success", result.success());
    if (result.success()) {
      var metadata = json.putObject("metadata");
      for (var pipeline : manifest.pipelines()) {
        metadata(metadata, pipeline, store);
      }
    } else {
      error(json.putObject("error"), result);
    }
    sources(json.putObject("sources"), result);
    var printed = json.putObject("source_output");
    result.sources().stream()
        .filter(source -> !source.output().isEmpty())
        .forEach(source -> printed.put(source.source(), source.output()));
    var log = json.putObject("log");
    result
        .stages()
        .forEach((pipeline, stages) -> {
          var entries = log.putArray(pipeline.name());
          stages.forEach(stage -> stage(entries.addObject(), stage));
        });
    return json;
  }

  private static void metadata(ObjectNode metadata, Manifest.Pipeline pipeline, ObjectStore store)
      throws IOException {
    if (pipeline.id().isEmpty()) {
      return;
    }
    var stored = store.metadata(pipeline.id().get());
    for (var stage : pipeline.stages()) {
      if (stored.get(stage.id()) instanceof ObjectNode said) {
        metadata.withObject(pipeline.name()).withObject(stage.type()).setAll(said);
      }
    }
  }

  private static void error(ObjectNode error, BuildResult result) {
    var failed = result.sources().stream().filter(source -> !source.success()).findFirst();
    if (failed.isPresent()) {
      error.put("type", "org.osbuild.error.source");
      var source = error.putObject("details").putObject("source");
      source.put("type", failed.get().source());
      source.put("output", failed.get().failure().orElse(""));
      source.put("log", failed.get().output());
      failed.get().exception().ifPresent(report -> source.set("error", error(report)));
      return;
    }
    error.put("type", "org.osbuild.error.stage");
    result.stages().values().stream()
        .flatMap(stages -> stages.stream())
        .filter(stage -> !stage.success())
        .findFirst()
        .ifPresent(stage -> stage(error.putObject("details").putObject("stage"), stage));
  }

  /// An exception, in the format of osbuild for those of stages.
  public static ObjectNode error(Report report) {
    var error = JsonNodeFactory.instance.objectNode().put("type", "exception");
    error
        .putObject("data")
        .put("type", report.type())
        .put("value", report.value())
        .put("traceback", report.traceback());
    return error;
  }

  private static void sources(ObjectNode sources, BuildResult result) {
    sources.put("success", result.sources().stream().allMatch(SourceResult::success));
    for (var source : result.sources()) {
      var items = sources.putArray(source.source());
      for (var item : source.items()) {
        var entry = items.addObject();
        entry.put("cached", item.origin() == SourceResult.Origin.CACHE);
        entry.put("checksum", item.checksum());
        item.error().ifPresent(text -> entry.put("error", text));
      }
    }
  }

  private static void stage(ObjectNode entry, StageResult stage) {
    entry.put("id", stage.stage().id());
    entry.put("type", stage.stage().type());
    entry.put("output", stage.output());
    if (stage.success()) {
      return;
    }
    entry.put("success", false);
    entry.put("reason", stage.failure().orElse(""));
    stage.exception().ifPresent(report -> entry.set("error", error(report)));
    var command = entry.putArray("command");
    stage.command().forEach(command::add);
  }

  /// The manifest with the ids of its stages.
  public static JsonNode inspect(Manifest manifest) {
    var json = JsonNodeFactory.instance.objectNode();
    json.put("version", "2");
    var pipelines = json.putArray("pipelines");
    for (var pipeline : manifest.pipelines()) {
      var entry = pipelines.addObject();
      entry.put("name", pipeline.name());
      pipeline.build().ifPresent(id -> entry.put("build", reference(manifest, id)));
      pipeline.runner().ifPresent(runner -> entry.put("runner", runner));
      pipeline.sourceEpoch().ifPresent(epoch -> entry.put("source-epoch", epoch));
      var stages = entry.putArray("stages");
      for (var stage : pipeline.stages()) {
        var one = stages.addObject();
        one.put("type", stage.type());
        one.put("id", stage.id());
        if (!stage.options().isEmpty()) {
          one.set("options", stage.options());
        }
        stage.inputs().forEach((name, input) -> input(one, name, input, manifest));
      }
    }
    if (!manifest.metadata().isEmpty()) {
      json.set("metadata", manifest.metadata());
    }
    for (var source : manifest.sources()) {
      json.withObject("sources").putObject(source.name()).set("items", source.items());
    }
    return json;
  }

  private static void input(
      ObjectNode stage, String name, Manifest.Input input, Manifest manifest) {
    var entry = stage.withObject("inputs").putObject(name);
    entry.put("type", input.type());
    entry.put("origin", input.origin());
    var references = entry.putObject("references");
    for (var reference : input.references().properties()) {
      references.set(reference(manifest, reference.getKey()), reference.getValue());
    }
    if (!input.options().isEmpty()) {
      entry.set("options", input.options());
    }
  }

  private static String reference(Manifest manifest, String id) {
    return manifest.pipeline(id).map(pipeline -> "name:" + pipeline.name()).orElse(id);
  }
}
