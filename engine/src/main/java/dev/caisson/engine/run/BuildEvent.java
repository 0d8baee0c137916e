package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest.Pipeline;
import dev.caisson.engine.manifest.Manifest.Stage;
import java.util.List;
import java.util.Optional;

/// An event of a build.
///
/// Immutable, and so safe for many threads.
public sealed interface BuildEvent {
  /// The build has been planned.
  ///
  /// @param sources how many sources will fetch
  /// @param pipelines the pipelines that will be built; the others are in the store
  record Planned(int sources, List<Pipeline> pipelines) implements BuildEvent {}

  /// A source starts to fetch.
  ///
  /// @param items how many files
  record SourceStarted(String source, int items) implements BuildEvent {}

  /// A source made progress.
  ///
  /// @param files how many files are complete, of `filesTotal`
  /// @param bytes how many bytes have been received, of `bytesTotal`, which is 0 if unknown
  record SourceProgress(String source, int files, int filesTotal, long bytes, long bytesTotal)
      implements BuildEvent {}

  /// A source has fetched all its items, or has failed.
  record SourceFinished(SourceResult result) implements BuildEvent {}

  /// A pipeline starts.
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

  /// A stage starts.
  record StageStarted(Pipeline pipeline, Stage stage) implements BuildEvent {}

  /// A stage has ended.
  record StageFinished(Pipeline pipeline, StageResult result) implements BuildEvent {}

  /// A stage makes progress.
  ///
  /// @param text what it does now, in one line, such as `unpacking libc6`
  record StageProgress(Pipeline pipeline, Stage stage, String text) implements BuildEvent {}

  /// The tree after a stage was kept as an automatic checkpoint, or could not be kept.
  ///
  /// @param space the bytes that it occupies; 0 if it was not kept
  /// @param failure why it was not kept
  record CheckpointFinished(Pipeline pipeline, Stage stage, long space, Optional<String> failure)
      implements BuildEvent {}

  /// Automatic checkpoints were evicted from the store.
  record CheckpointsEvicted(List<String> ids) implements BuildEvent {}

  /// A stage or a service printed output.
  ///
  /// @param origin a stage by its type, such as `stages/org.osbuild.tar`, or a service by its id,
  ///   such as `source/org.osbuild.curl` or `input/tree`
  /// @param text for a stage, a piece of its output, split at any place; for a service, one line
  ///   `ID (PROGRAM): LINE` with its end, where LINE has at most 64 KiB
  record Output(String origin, String text) implements BuildEvent {}
}
