package dev.caisson.cli;

import dev.caisson.build.BuildEvent;
import dev.caisson.build.Manifest.Pipeline;
import dev.caisson.build.Manifest.Stage;
import dev.caisson.build.StageResult;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Optional;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Tells a program what happens: JSON texts, each after a record separator (RFC 7464), in the form
/// of osbuild's monitor of the same name.
final class JsonSeqMonitor implements CloseableMonitor {
  private static final char RECORD_SEPARATOR = '\u001e';

  private final PrintStream out;
  private int total;
  private int done;

  private JsonSeqMonitor(PrintStream out) {
    this.out = out;
  }

  static JsonSeqMonitor open(Terminal terminal, Optional<Integer> fd)
      throws UsageException, IOException {
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
        entry
            .putObject("result")
            .put("name", "source " + result.source())
            .put("success", result.success())
            .put("output", result.failure().orElse(""));
        entry.put("duration", result.duration().toNanos() / 1e9);
        write(entry, "source/" + result.source());
      }
      case BuildEvent.PipelineStarted(var pipeline, var stages) -> {
        var entry = entry("Starting pipeline " + pipeline.name());
        context(entry, pipeline, Optional.empty());
        write(entry, "dev.caisson");
      }
      case BuildEvent.PipelineFinished(var pipeline, var success) -> {
        done++;
        var entry = entry("Finished pipeline " + pipeline.name());
        context(entry, pipeline, Optional.empty());
        write(entry, "dev.caisson");
      }
      case BuildEvent.StageStarted(var pipeline, var stage) -> {
        var entry = entry("Starting module " + stage.type());
        context(entry, pipeline, Optional.of(stage));
        write(entry, "dev.caisson");
      }
      case BuildEvent.StageFinished(var pipeline, var result) -> {
        var entry = entry("Finished module " + result.stage().type());
        entry.set("result", result(result));
        entry.put("duration", result.duration().toNanos() / 1e9);
        context(entry, pipeline, Optional.of(result.stage()));
        write(entry, "dev.caisson");
      }
      case BuildEvent.Output(var origin, var text) -> write(entry(text), origin);
    }
  }

  private static ObjectNode result(StageResult result) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("name", result.stage().type())
        .put("id", result.stage().id())
        .put("success", result.success())
        .put("output", result.output());
  }

  private static ObjectNode entry(@org.jspecify.annotations.Nullable String message) {
    var entry = JsonNodeFactory.instance.objectNode();
    if (message != null) {
      entry.put("message", message);
    }
    return entry;
  }

  private static void context(ObjectNode entry, Pipeline pipeline, Optional<Stage> stage) {
    var context = entry.putObject("context").putObject("pipeline");
    context.put("name", pipeline.name());
    pipeline.id().ifPresent(id -> context.put("id", id));
    stage.ifPresent(s -> context.putObject("stage").put("name", s.type()).put("id", s.id()));
  }

  private ObjectNode progress(ObjectNode entry) {
    return entry
        .putObject("progress")
        .put("name", "pipelines/sources")
        .put("total", total)
        .put("done", done);
  }

  private void write(ObjectNode entry, String origin) {
    entry.withObject("context").put("origin", origin);
    if (!entry.has("progress")) {
      progress(entry);
    }
    entry.put("timestamp", System.currentTimeMillis() / 1000.0);
    out.print(RECORD_SEPARATOR + entry.toString() + "\n");
    out.flush();
  }
}
