package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest.Pipeline;
import dev.caisson.engine.manifest.Manifest.Stage;
import java.util.List;

/// What happens in a build, in order.
///
/// Immutable, and so safe for many threads.
public sealed interface BuildEvent {
  /// It is known what is to be done.
  ///
  /// @param sources how many sources are asked
  /// @param pipelines those that are built; the others are in the store
  record Planned(int sources, List<Pipeline> pipelines) implements BuildEvent {}

  /// A source begins to fetch.
  ///
  /// @param items how many files
  record SourceStarted(String source, int items) implements BuildEvent {}

  /// A source got on.
  ///
  /// @param files how many files are complete, of `files total`
  /// @param bytes how many bytes have come, of `bytesTotal`, which is 0 if unknown
  record SourceProgress(String source, int files, int filesTotal, long bytes, long bytesTotal)
      implements BuildEvent {}

  /// A source has everything, or has failed.
  record SourceFinished(SourceResult result) implements BuildEvent {}

  /// A pipeline begins.
  ///
  /// @param done how many of its stages are in the store already
  record PipelineStarted(Pipeline pipeline, int done) implements BuildEvent {}

  /// A pipeline has ended.
  record PipelineFinished(Pipeline pipeline, Outcome outcome) implements BuildEvent {
    /// How a pipeline ended.
    public enum Outcome {
      /// Its tree is in the store.
      SUCCESS,
      /// One of its stages failed.
      FAILURE
    }
  }

  /// A stage begins.
  record StageStarted(Pipeline pipeline, Stage stage) implements BuildEvent {}

  /// A stage has ended.
  record StageFinished(Pipeline pipeline, StageResult result) implements BuildEvent {}

  /// A stage or a service printed something.
  ///
  /// @param origin a stage by its type, such as `stages/org.osbuild.tar`, or a service by its id,
  ///   such as `source/org.osbuild.curl` or `input/tree`
  /// @param text of a stage, a piece of its output, split anywhere; of a service, a line with its
  ///   end as `ID (PROGRAM): LINE`, of 64 KiB at most
  record Output(String origin, String text) implements BuildEvent {}
}
