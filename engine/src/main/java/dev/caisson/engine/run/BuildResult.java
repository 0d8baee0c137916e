package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest.Pipeline;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// How a build went.
///
/// Immutable, and so safe for many threads.
///
/// @param sources the sources that were asked; none if nothing had to be built
/// @param stages the stages that were run, by their pipelines, in order; the last of them failed if
///   the build did
public record BuildResult(List<SourceResult> sources, Map<Pipeline, List<StageResult>> stages) {
  /// Copies what it is given.
  public BuildResult {
    sources = List.copyOf(sources);
    var copy = new LinkedHashMap<Pipeline, List<StageResult>>();
    stages.forEach((pipeline, results) -> copy.put(pipeline, List.copyOf(results)));
    stages = Collections.unmodifiableMap(copy);
  }

  /// Whether all sources and stages that were run succeeded.
  public boolean success() {
    return sources.stream().allMatch(SourceResult::success)
        && stages.values().stream().flatMap(List::stream).allMatch(StageResult::success);
  }
}
