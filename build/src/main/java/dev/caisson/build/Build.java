package dev.caisson.build;

import dev.caisson.build.Manifest.Pipeline;
import dev.caisson.build.Manifest.Source;
import dev.caisson.build.spi.SourceModule;
import dev.caisson.host.RemoteException;
import dev.caisson.host.ServiceClient;
import dev.caisson.host.ServiceManager;
import dev.caisson.linux.SpawnThread;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Builds pipelines of a manifest: whatever of them is not in the store yet, with all that they
/// need.
///
/// Every pipeline that is built is committed to the store under its id. Blocks until all is done;
/// an interrupt ends the stage that runs and fails the build.
public final class Build {
  private static final Duration DOWNLOAD = Duration.ofHours(24);
  private static final Duration STOP = Duration.ofSeconds(60);

  private final Manifest manifest;
  private final ObjectStore store;
  private final ModuleIndex index;
  private final Monitor monitor;
  private Set<String> checkpoints = Set.of();
  private Optional<Duration> stageTimeout = Optional.empty();
  private FailedStage.Inspector inspector = FailedStage.Inspector.NONE;

  /// @param monitor hears what happens
  public Build(Manifest manifest, ObjectStore store, ModuleIndex index, Monitor monitor) {
    this.manifest = manifest;
    this.store = store;
    this.index = index;
    this.monitor = monitor.serialized();
  }

  /// Also commits the trees after these stages, given by their ids.
  public Build checkpoints(Set<String> stageIds) {
    checkpoints = Set.copyOf(stageIds);
    return this;
  }

  /// Ends a stage, and so fails the build, when it takes longer.
  public Build stageTimeout(Duration allowed) {
    stageTimeout = Optional.of(allowed);
    return this;
  }

  /// Has somebody look at a stage that has failed, before its build root is taken down.
  public Build onFailure(FailedStage.Inspector inspector) {
    this.inspector = inspector;
    return this;
  }

  /// Builds.
  ///
  /// @param targets the names or ids of pipelines of the manifest
  /// @return how it went; that a stage or a source failed is no exception
  /// @throws IOException if what surrounds the stages failed: the store, bubblewrap
  public BuildResult run(List<String> targets) throws IOException {
    var todo = plan(targets);
    var sources = todo.isEmpty() ? List.<Source>of() : manifest.sources();
    monitor.event(new BuildEvent.Planned(sources.size(), todo));
    var fetched = new ArrayList<SourceResult>();
    for (var source : sources) {
      var result = download(source);
      fetched.add(result);
      monitor.event(new BuildEvent.SourceFinished(result));
      if (!result.success()) {
        return new BuildResult(false, fetched, Map.of());
      }
    }
    var stages = new LinkedHashMap<Pipeline, List<StageResult>>();
    for (var pipeline : todo) {
      var results = new ArrayList<StageResult>();
      stages.put(pipeline, results);
      boolean success = build(pipeline, results);
      monitor.event(new BuildEvent.PipelineFinished(pipeline, success));
      if (!success) {
        return new BuildResult(false, fetched, stages);
      }
    }
    return new BuildResult(true, fetched, stages);
  }

  /// The pipelines that must be built, each after those that it needs.
  private List<Pipeline> plan(List<String> targets) throws IOException {
    var ordered = new LinkedHashSet<Pipeline>();
    for (var target : targets) {
      visit(
          manifest
              .pipeline(target)
              .orElseThrow(() -> new IOException("the manifest has no pipeline '" + target + "'")),
          ordered);
    }
    return List.copyOf(ordered);
  }

  private void visit(Pipeline pipeline, Set<Pipeline> ordered) {
    if (ordered.contains(pipeline)
        || pipeline.id().isEmpty()
        || store.contains(pipeline.id().get())) {
      return;
    }
    pipeline.build().flatMap(manifest::pipeline).ifPresent(needed -> visit(needed, ordered));
    for (int s = stored(pipeline); s < pipeline.stages().size(); s++) {
      for (var id : pipeline.stages().get(s).dependencies()) {
        manifest.pipeline(id).ifPresent(needed -> visit(needed, ordered));
      }
    }
    ordered.add(pipeline);
  }

  /// How many stages of a pipeline the store holds the result of.
  private int stored(Pipeline pipeline) {
    for (int s = pipeline.stages().size(); s > 0; s--) {
      if (store.contains(pipeline.stages().get(s - 1).id())) {
        return s;
      }
    }
    return 0;
  }

  private boolean build(Pipeline pipeline, List<StageResult> results) throws IOException {
    int done = stored(pipeline);
    monitor.event(new BuildEvent.PipelineStarted(pipeline, done));
    if (done == pipeline.stages().size()) {
      // Another build has finished it meanwhile.
      return true;
    }
    Path root = Path.of("/");
    Optional<String> runner = Optional.empty();
    if (pipeline.build().isPresent()) {
      root = store.tree(pipeline.build().get()).orElseThrow();
      runner = manifest.pipeline(pipeline.build().get()).flatMap(Pipeline::runner);
    }
    Optional<String> base =
        done == 0 ? Optional.empty() : Optional.of(pipeline.stages().get(done - 1).id());
    var since = Instant.now();
    try (var tree = store.begin(base)) {
      int last = pipeline.stages().size() - 1;
      for (int s = done; s <= last; s++) {
        var stage = pipeline.stages().get(s);
        monitor.event(new BuildEvent.StageStarted(pipeline, stage));
        var result =
            new StageRun(index, store, monitor, stageTimeout, inspector, pipeline, stage)
                .run(tree, root, runner);
        results.add(result);
        monitor.event(new BuildEvent.StageFinished(pipeline, result));
        if (!result.success()) {
          return false;
        }
        boolean kept = s == last || checkpoints.contains(stage.id());
        if (kept && pipeline.sourceEpoch().isPresent()) {
          tree.clampTimes(since, pipeline.sourceEpoch().getAsLong());
        }
        if (s == last) {
          tree.commit(stage.id());
        } else if (kept) {
          tree.checkpoint(stage.id());
        }
      }
    }
    return true;
  }

  private SourceResult download(Source source) throws IOException {
    long start = System.nanoTime();
    int total = source.items().size();
    monitor.event(new BuildEvent.SourceStarted(source.name(), total));
    var args = JsonNodeFactory.instance.objectNode();
    args.set("items", source.items());
    args.set("options", source.options());
    args.put("cache", store.sources().toString());
    args.putNull("output");
    args.putArray("checksums");
    Files.createDirectories(store.sources());
    JsonNode reply;
    try (var services =
            new ServiceManager(
                (id, program, line) -> monitor.event(new BuildEvent.Output(id, line + "\n")),
                SpawnThread.shared(),
                StageRun.serviceEnvironment(index),
                STOP);
        var answer =
            start(services, source)
                .callWithFds(
                    "download",
                    args,
                    List.of(),
                    (signal, descriptors) -> progress(source, total, signal),
                    DOWNLOAD)) {
      reply = answer.value();
    } catch (RemoteException failure) {
      return new SourceResult(source.name(), Optional.of(failure.value()), List.of(), since(start));
    }
    store.forgetTimes(source.items().propertyNames());
    return result(source, reply, since(start));
  }

  private ServiceClient start(ServiceManager services, Source source) throws IOException {
    var id = "source/" + source.name();
    var found =
        index
            .find(ModuleInfo.Kind.SOURCE, source.name())
            .orElseThrow(() -> new IOException("no source " + source.name()));
    return switch (found) {
      case ModuleIndex.Found.Executable executable ->
          services.start(id, executable.path(), List.of());
      case ModuleIndex.Found.Builtin builtin ->
          services.start(id, ((SourceModule) builtin.module()).service());
    };
  }

  /// Sources written for Caisson tell how they get on by signals; those of osbuild do not.
  private void progress(Source source, int total, JsonNode signal) {
    var progress = signal.path("progress");
    if (progress.isObject()) {
      monitor.event(
          new BuildEvent.SourceProgress(
              source.name(),
              progress.path("files").asInt(0),
              total,
              progress.path("bytes").asLong(0),
              progress.path("total").asLong(0)));
    }
  }

  private static SourceResult result(Source source, JsonNode reply, Duration duration) {
    var items = new ArrayList<SourceResult.Item>();
    Optional<String> firstError = Optional.empty();
    for (var item : reply.path("results")) {
      var text = item.path("error").asString("");
      var error =
          item.path("success").asBoolean(false) ? Optional.<String>empty() : Optional.of(text);
      if (firstError.isEmpty()) {
        firstError = error;
      }
      items.add(
          new SourceResult.Item(
              item.path("metadata").path("checksum").asString(""),
              item.path("metadata").path("cached").asBoolean(false),
              error));
    }
    if (firstError.isEmpty() && !reply.path("success").asBoolean(false)) {
      firstError = Optional.of("the source failed without saying why");
    }
    return new SourceResult(source.name(), firstError, items, duration);
  }

  private static Duration since(long start) {
    return Duration.ofNanos(System.nanoTime() - start);
  }
}
