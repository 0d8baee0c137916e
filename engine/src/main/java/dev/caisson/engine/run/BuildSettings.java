package dev.caisson.engine.run;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/// The settings of a build.
///
/// @param checkpoints the ids of further stages whose trees are committed
/// @param automatic the ids of further stages whose trees are committed as automatic checkpoints
/// @param stageTimeout how long a stage may take
/// @param failureHandler called for a failed stage
record BuildSettings(
    Set<String> checkpoints,
    Set<String> automatic,
    Optional<Duration> stageTimeout,
    FailedStage.Handler failureHandler) {
  static final BuildSettings DEFAULT =
      new BuildSettings(Set.of(), Set.of(), Optional.empty(), FailedStage.Handler.NONE);
}
