package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.store.ObjectStore;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Builds pipelines of a manifest: whatever of them is not in the store yet, with all that they
/// need.
///
/// Every pipeline that is built is committed to the store under its id. Blocks until all is done;
/// an interrupt ends the stage that runs and fails the build.
public final class Build {
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
    this.monitor = monitor;
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
  /// The monitor hears each event on a thread of the build. The build waits for it, also at the
  /// end, until the thread of the caller is interrupted or a stage has been ended by its timeout; a
  /// monitor that still blocks then hears the rest late or never.
  ///
  /// @param targets the names or ids of pipelines of the manifest
  /// @return how it went; that a stage or a source failed is no exception
  /// @throws IOException if what surrounds the stages failed: the store, bubblewrap
  public BuildResult run(List<String> targets) throws IOException {
    var settings = new BuildSettings(checkpoints, stageTimeout, inspector);
    try (var events = new EventDelivery(monitor)) {
      return new BuildRun(manifest, store, index, events, settings).run(targets);
    }
  }
}
