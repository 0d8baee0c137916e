package dev.caisson.cli.build;

import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.UsageException;
import dev.caisson.engine.manifest.Manifest.Pipeline;
import dev.caisson.engine.manifest.Manifest.Stage;
import dev.caisson.engine.run.BuildEvent;
import dev.caisson.engine.run.SourceResult;
import dev.caisson.engine.run.StageResult;
import java.io.IOException;
import java.util.Optional;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Reports progress to a program: JSON texts, each after a record separator (RFC 7464), in the
/// format of osbuild's monitor of the same name.
public final class JsonSeqMonitor implements CloseableMonitor {
  private static final char RECORD_SEPARATOR = '\u001e';

  /// The longest output of a stage in one record, in characters: readers accept lines of 64 KiB.
  /// Records of their own report the same output as it arrives.
  private static final int LONGEST_OUTPUT = 31_000;

  private final MonitorStream out;
  private Optional<Pipeline> pipeline = Optional.empty();
  private Optional<Stage> stage = Optional.empty();
  private int total;
  private int done;

  private JsonSeqMonitor(MonitorStream out) {
    this.out = out;
  }

  public static JsonSeqMonitor open(Console terminal, Optional<Integer> fd) throws UsageException {
    return new JsonSeqMonitor(MonitorStream.open(terminal, fd));
  }

  @Override
  public void event(BuildEvent event) {
    switch (event) {
      case BuildEvent.Planned(var sources, var pipelines) -> {
        total = sources + pipelines.size();
        write(entry("starting"), "dev.caisson");
      }
      case BuildEvent.SourceStarted(var source, var items) ->
          write(entry("Starting source " + source), "source/" + source);
      case BuildEvent.SourceProgress(var source, var files, var all, var bytes, var bytesTotal) -> {
        var entry = entry(null);
        progress(entry)
            .putObject("progress")
            .put("name", "files of " + source)
            .put("total", all)
            .put("done", files);
        write(entry, "source/" + source);
      }
      case BuildEvent.SourceFinished(var result) -> {
        done++;
        var entry = entry("Finished source " + result.source());
        entry.set("result", result(result));
        entry.put("duration", result.duration().toNanos() / 1e9);
        write(entry, "source/" + result.source());
      }
      case BuildEvent.PipelineStarted(var started, var stages) -> {
        pipeline = Optional.of(started);
        write(entry("Starting pipeline " + started.name()), "dev.caisson");
      }
      case BuildEvent.PipelineFinished(var finished, var success) -> {
        done++;
        stage = Optional.empty();
        write(entry("Finished pipeline " + finished.name()), "dev.caisson");
        pipeline = Optional.empty();
      }
      case BuildEvent.StageStarted(var within, var started) -> {
        stage = Optional.of(started);
        write(entry("Starting module " + started.type()), "dev.caisson");
      }
      case BuildEvent.StageFinished(var within, var result) -> {
        var entry = entry("Finished module " + result.stage().type());
        entry.set("result", result(result));
        entry.put("duration", result.duration().toNanos() / 1e9);
        write(entry, "dev.caisson");
      }
      case BuildEvent.StageProgress(var within, var running, var text) -> {
        // Readers of osbuild's format expect output and results only.
      }
      case BuildEvent.CheckpointFinished(var within, var after, var space, var failure) ->
          write(
              entry(
                  failure.isPresent()
                      ? "No checkpoint after %s: %s".formatted(after.type(), failure.get())
                      : "Checkpoint after %s: %d bytes".formatted(after.type(), space)),
              "dev.caisson");
      case BuildEvent.CheckpointsEvicted(var ids) ->
          write(entry("Evicted %d older checkpoints".formatted(ids.size())), "dev.caisson");
      case BuildEvent.Output(var origin, var text) -> write(entry(text), origin);
    }
  }

  private static ObjectNode result(SourceResult result) {
    var json =
        JsonNodeFactory.instance
            .objectNode()
            .put("name", "source " + result.source())
            .put("source_type", result.source())
            .put("success", result.success())
            .put("output", shortened(result.failure().orElse("")));
    result.exception().ifPresent(report -> json.set("error", ResultJson.error(report)));
    return json;
  }

  private static ObjectNode result(StageResult result) {
    var json =
        JsonNodeFactory.instance
            .objectNode()
            .put("name", result.stage().type())
            .put("id", result.stage().id())
            .put("success", result.success())
            .put("output", shortened(result.output()));
    result.failure().ifPresent(reason -> json.put("reason", shortened(reason)));
    result.exception().ifPresent(report -> json.set("error", ResultJson.error(report)));
    return json;
  }

  private static String shortened(String text) {
    int hidden = text.length() - LONGEST_OUTPUT;
    return hidden <= 0
        ? text
        : "[... %d characters hidden ...]\n%s".formatted(hidden, text.substring(hidden));
  }

  private static ObjectNode entry(@org.jspecify.annotations.Nullable String message) {
    var entry = JsonNodeFactory.instance.objectNode();
    if (message != null) {
      entry.put("message", message);
    }
    return entry;
  }

  private void context(ObjectNode context) {
    if (pipeline.isPresent()) {
      var within = context.putObject("pipeline");
      within.put("name", pipeline.get().name());
      pipeline.get().id().ifPresent(id -> within.put("id", id));
      stage.ifPresent(s -> within.putObject("stage").put("name", s.type()).put("id", s.id()));
    }
  }

  private ObjectNode progress(ObjectNode entry) {
    return entry
        .putObject("progress")
        .put("name", "pipelines/sources")
        .put("total", total)
        .put("done", done);
  }

  private void write(ObjectNode entry, String origin) {
    context(entry.putObject("context").put("origin", origin));
    if (!entry.has("progress")) {
      progress(entry);
    }
    entry.put("timestamp", System.currentTimeMillis() / 1000.0);
    out.write(RECORD_SEPARATOR + entry.toString() + "\n");
  }

  @Override
  public void check() throws IOException {
    out.check();
  }
}
