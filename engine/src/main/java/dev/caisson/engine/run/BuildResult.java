package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest.Pipeline;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The outcome of a build.
///
/// Immutable, and so safe for many threads.
///
/// @param sources the results of the sources; empty if nothing had to be built
/// @param stages the results of the stages that ran, by their pipelines, in order; if a stage
///   failed, it is the last one
public record BuildResult(List<SourceResult> sources, Map<Pipeline, List<StageResult>> stages) {
  /// Copies its arguments.
  public BuildResult {
    sources = List.copyOf(sources);
    var copy = new LinkedHashMap<Pipeline, List<StageResult>>();
    stages.forEach((pipeline, results) -> copy.put(pipeline, List.copyOf(results)));
    stages = Collections.unmodifiableMap(copy);
  }

  /// Whether all sources and stages succeeded.
  public boolean success() {
    return sources.stream().allMatch(SourceResult::success)
        && stages.values().stream().flatMap(List::stream).allMatch(StageResult::success);
  }
}
