package dev.caisson.engine.run;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/// What the caller of a build chooses.
///
/// @param checkpoints the ids of stages whose trees are committed, too
/// @param stageTimeout how long a stage may take
/// @param failureHandler gets a stage that has failed
record BuildSettings(
    Set<String> checkpoints, Optional<Duration> stageTimeout, FailedStage.Handler failureHandler) {
  static final BuildSettings DEFAULT =
      new BuildSettings(Set.of(), Optional.empty(), FailedStage.Handler.NONE);
}
