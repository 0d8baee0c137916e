package dev.caisson.engine.run;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.engine.manifest.Manifest;
import dev.caisson.engine.manifest.Manifest.Pipeline;
import dev.caisson.engine.manifest.Manifest.Source;
import dev.caisson.engine.manifest.Manifest.Stage;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.run.BuildEvent.PipelineFinished.Outcome;
import dev.caisson.engine.store.AutomaticCheckpoints;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.files.Trees;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// One run of a build: plans which pipelines to build, has the sources fetch, and runs the stages.
final class BuildRun {
  private final Manifest manifest;
  private final ObjectStore store;
  private final ModuleIndex index;
  private final EventDelivery events;
  private final BuildSettings settings;
  private final Map<String, AutomaticCheckpoints.Hold> held = new HashMap<>();

  BuildRun(
      Manifest manifest,
      ObjectStore store,
      ModuleIndex index,
      EventDelivery events,
      BuildSettings settings) {
    this.manifest = manifest;
    this.store = store;
    this.index = index;
    this.events = events;
    this.settings = settings;
  }

  /// Builds, as [Build#run].
  BuildResult run(List<String> targets) throws IOException {
    try {
      return runHolding(targets);
    } finally {
      held.values().forEach(AutomaticCheckpoints.Hold::close);
    }
  }

  private BuildResult runHolding(List<String> targets) throws IOException {
    for (var id : settings.checkpoints()) {
      store.automatic().keep(id);
    }
    var todo = plan(targets);
    for (var pipeline : todo) {
      for (var stage : pipeline.stages().subList(stored(pipeline), pipeline.stages().size())) {
        index.checkStage(stage.type(), stage.options());
      }
    }
    var sources = todo.isEmpty() ? List.<Source>of() : manifest.sources();
    events.event(new BuildEvent.Planned(sources.size(), todo));
    var fetched = new ArrayList<SourceResult>();
    for (var source : sources) {
      var result = new SourceRun(index, store, events, source).run();
      fetched.add(result);
      events.event(new BuildEvent.SourceFinished(result));
      if (!result.success()) {
        return new BuildResult(fetched, Map.of());
      }
    }
    var stages = new LinkedHashMap<Pipeline, List<StageResult>>();
    for (var pipeline : todo) {
      var results = new ArrayList<StageResult>();
      stages.put(pipeline, results);
      boolean success = build(pipeline, results);
      var outcome = success ? Outcome.SUCCESS : Outcome.FAILURE;
      events.event(new BuildEvent.PipelineFinished(pipeline, outcome));
      if (!success) {
        return new BuildResult(fetched, stages);
      }
    }
    return new BuildResult(fetched, stages);
  }

  /// The pipelines to build, each after the pipelines that it needs.
  private List<Pipeline> plan(List<String> targets) throws IOException {
    var ordered = new LinkedHashSet<Pipeline>();
    for (var target : targets) {
      visit(manifest.pipeline(target).orElseThrow(() -> absent(target)), ordered);
    }
    return List.copyOf(ordered);
  }

  private BuildException absent(String target) {
    return new BuildException(
        Step.MANIFEST,
        "the manifest has no pipeline '%s'".formatted(target),
        "It has: " + String.join(", ", manifest.pipelines().stream().map(Pipeline::name).toList()));
  }

  private void visit(Pipeline pipeline, Set<Pipeline> ordered) throws IOException {
    if (ordered.contains(pipeline) || pipeline.id().isEmpty()) {
      return;
    }
    if (store.contains(pipeline.id().get())) {
      // The result of a pipeline stays, even if it was the checkpoint of another one.
      store.automatic().keep(pipeline.id().get());
      return;
    }
    var build = pipeline.build().flatMap(manifest::pipeline);
    if (build.isPresent()) {
      visit(build.get(), ordered);
    }
    for (int s = stored(pipeline); s < pipeline.stages().size(); s++) {
      for (var id : pipeline.stages().get(s).dependencies()) {
        var needed = manifest.pipeline(id);
        if (needed.isPresent()) {
          visit(needed.get(), ordered);
        }
      }
    }
    ordered.add(pipeline);
  }

  /// The number of leading stages of a pipeline whose result is in the store, where it stays until
  /// the build ends.
  private int stored(Pipeline pipeline) throws IOException {
    for (int s = pipeline.stages().size(); s > 0; s--) {
      var id = pipeline.stages().get(s - 1).id();
      if (store.contains(id) && (held.containsKey(id) || hold(id))) {
        return s;
      }
    }
    return 0;
  }

  private boolean hold(String id) throws IOException {
    var hold = store.automatic().hold(id);
    hold.ifPresent(open -> held.put(id, open));
    return hold.isPresent();
  }

  private boolean build(Pipeline pipeline, List<StageResult> results) throws IOException {
    int done = stored(pipeline);
    events.event(new BuildEvent.PipelineStarted(pipeline, done));
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
    evicted(store.automatic().evictForSpace());
    try (var tree = store.begin(base)) {
      int last = pipeline.stages().size() - 1;
      for (int s = done; s <= last; s++) {
        var stage = pipeline.stages().get(s);
        events.event(new BuildEvent.StageStarted(pipeline, stage));
        var run = new StageRun(index, store, events, settings, pipeline, stage);
        var result = run.run(tree, root, runner);
        if (run.timedOut()) {
          events.deadlinePassed();
        }
        results.add(result);
        events.event(new BuildEvent.StageFinished(pipeline, result));
        if (!result.success()) {
          return false;
        }
        boolean kept = s == last || settings.checkpoints().contains(stage.id());
        boolean automatic = !kept && settings.automatic().contains(stage.id());
        if ((kept || automatic) && pipeline.sourceEpoch().isPresent()) {
          tree.clampTimes(since, pipeline.sourceEpoch().getAsLong());
        }
        if (s == last) {
          tree.commit(stage.id());
        } else if (kept) {
          tree.checkpoint(stage.id());
        } else if (automatic) {
          checkpoint(tree, pipeline, stage);
        }
      }
    }
    return true;
  }

  /// Keeps the tree as an automatic checkpoint. A failure is reported, and the build goes on.
  private void checkpoint(ObjectStore.WorkTree tree, Pipeline pipeline, Stage stage)
      throws IOException {
    var checkpoints = store.automatic();
    if (store.contains(stage.id())) {
      return;
    }
    evicted(checkpoints.evictTo(AutomaticCheckpoints.MOST - 1));
    evicted(checkpoints.evictForSpace());
    long space = 0;
    Optional<String> failure = Optional.empty();
    try {
      if (checkpoints.almostFull(Trees.space(tree.tree()))) {
        failure = Optional.of("the file system of the store is almost full");
      } else {
        space = tree.automaticCheckpoint(stage.id());
      }
    } catch (InterruptedIOException interrupt) {
      throw interrupt;
    } catch (IOException unwritable) {
      failure = Optional.of(String.valueOf(unwritable.getMessage()));
    }
    events.event(new BuildEvent.CheckpointFinished(pipeline, stage, space, failure));
  }

  private void evicted(List<String> ids) {
    if (!ids.isEmpty()) {
      events.event(new BuildEvent.CheckpointsEvicted(ids));
    }
  }
}
