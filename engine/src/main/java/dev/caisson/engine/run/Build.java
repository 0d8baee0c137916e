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

/// A build of pipelines of a manifest: of those that are not in the store yet, with all that they
/// need.
///
/// Every pipeline that is built is committed to the store under its id.
///
/// Immutable, and so safe for many threads: each method but [#run] returns a build that differs in
/// one thing, and a build can be run several times, also at once.
@CheckReturnValue
public final class Build {
  private final Manifest manifest;
  private final ObjectStore store;
  private final ModuleIndex index;
  private final BuildListener listener;
  private final BuildSettings settings;

  /// A build without checkpoints and without a timeout for stages.
  ///
  /// @param listener hears what happens
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

  /// A build that also commits the trees after these stages.
  ///
  /// @param stageIds the ids of the stages
  public Build checkpoints(Set<String> stageIds) {
    return with(
        new BuildSettings(
            Set.copyOf(stageIds), settings.stageTimeout(), settings.failureHandler()));
  }

  /// A build that ends a stage, and so fails, when the stage takes longer.
  public Build stageTimeout(Duration allowed) {
    return with(
        new BuildSettings(settings.checkpoints(), Optional.of(allowed), settings.failureHandler()));
  }

  /// A build that gives a stage that has failed to a handler, before the build root of the stage is
  /// taken down.
  public Build onFailure(FailedStage.Handler handler) {
    return with(new BuildSettings(settings.checkpoints(), settings.stageTimeout(), handler));
  }

  /// Runs the build. Blocks until all is done; an interrupt ends the stage that runs and fails the
  /// build.
  ///
  /// The listener hears each event on a thread of the build. The build waits for it, also at the
  /// end, until the thread of the caller is interrupted or a stage has been ended by its timeout; a
  /// listener that still blocks then hears the rest late or never.
  ///
  /// @param targets the names or ids of pipelines of the manifest
  /// @return how it went; that a stage or a source failed is no exception
  /// @throws dev.caisson.engine.BuildException if a pipeline, a module or a runner is missing
  /// @throws IOException if what surrounds the stages failed: the store, bubblewrap
  public BuildResult run(List<String> targets) throws IOException {
    try (var events = new EventDelivery(listener)) {
      return new BuildRun(manifest, store, index, events, settings).run(targets);
    }
  }
}
