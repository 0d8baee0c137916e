package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest.Pipeline;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// How a build went.
///
/// @param sources the sources that were asked; none if nothing had to be built
/// @param stages the stages that were run, by their pipelines, in order; the last of them failed if
///   the build did
public record BuildResult(
    boolean success, List<SourceResult> sources, Map<Pipeline, List<StageResult>> stages) {
  /// Copies what it is given.
  public BuildResult {
    sources = List.copyOf(sources);
    stages = new LinkedHashMap<>(stages);
  }
}
