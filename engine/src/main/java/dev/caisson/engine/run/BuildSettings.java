package dev.caisson.engine.run;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/// What the caller of a build chooses.
///
/// @param checkpoints the ids of stages whose trees are committed, too
/// @param stageTimeout how long a stage may take
record BuildSettings(
    Set<String> checkpoints, Optional<Duration> stageTimeout, FailedStage.Inspector inspector) {}
