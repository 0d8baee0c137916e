package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.linux.CheckReturnValue;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// A build of pipelines of a manifest, with all pipelines that they need. Pipelines that are in the
/// store are not built again.
///
/// Commits every pipeline that it builds to the store, under its id.
///
/// Immutable, and so safe for many threads: each method but [#run] returns a copy that differs in
/// one setting. A build can run several times, also concurrently.
@CheckReturnValue
public final class Build {
  private final Manifest manifest;
  private final ObjectStore store;
  private final ModuleIndex index;
  private final BuildListener listener;
  private final BuildSettings settings;

  /// A build without checkpoints and without a timeout for stages.
  ///
  /// @param listener receives the events of the build
  public Build(Manifest manifest, ObjectStore store, ModuleIndex index, BuildListener listener) {
    this(manifest, store, index, listener, BuildSettings.DEFAULT);
  }

  private Build(
      Manifest manifest,
      ObjectStore store,
      ModuleIndex index,
      BuildListener listener,
      BuildSettings settings) {
    this.manifest = manifest;
    this.store = store;
    this.index = index;
    this.listener = listener;
    this.settings = settings;
  }

  private Build with(BuildSettings changed) {
    return new Build(manifest, store, index, listener, changed);
  }

  /// A copy that also commits the trees after these stages.
  ///
  /// @param stageIds the ids of the stages
  public Build checkpoints(Set<String> stageIds) {
    return with(
        new BuildSettings(
            Set.copyOf(stageIds),
            settings.automatic(),
            settings.stageTimeout(),
            settings.failureHandler()));
  }

  /// A copy that also commits the trees after these stages as automatic checkpoints, which the
  /// store evicts first. A checkpoint that cannot be made does not fail the build.
  ///
  /// @param stageIds the ids of the stages
  public Build automaticCheckpoints(Set<String> stageIds) {
    return with(
        new BuildSettings(
            settings.checkpoints(),
            Set.copyOf(stageIds),
            settings.stageTimeout(),
            settings.failureHandler()));
  }

  /// A copy that ends a stage after the given time. The build fails then.
  public Build stageTimeout(Duration allowed) {
    return with(
        new BuildSettings(
            settings.checkpoints(),
            settings.automatic(),
            Optional.of(allowed),
            settings.failureHandler()));
  }

  /// A copy that calls a handler for a failed stage, before the build root of the stage is removed.
  public Build onFailure(FailedStage.Handler handler) {
    return with(
        new BuildSettings(
            settings.checkpoints(), settings.automatic(), settings.stageTimeout(), handler));
  }

  /// Runs the build. Blocks until all is done. An interrupt ends the running stage and fails the
  /// build.
  ///
  /// The listener receives each event on a thread of the build. The build waits for the listener,
  /// also at the end. It stops waiting when the thread of the caller is interrupted, or when a
  /// timeout has ended a stage: a listener that still blocks then receives the rest late or never.
  ///
  /// @param targets the names or ids of pipelines of the manifest
  /// @return the outcome; a failed stage or source is a result, not an exception
  /// @throws dev.caisson.engine.BuildException if a pipeline, a module or a runner is missing
  /// @throws IOException if something other than a stage or a source failed: the store, bubblewrap
  public BuildResult run(List<String> targets) throws IOException {
    try (var events = new EventDelivery(listener)) {
      return new BuildRun(manifest, store, index, events, settings).run(targets);
    }
  }
}
