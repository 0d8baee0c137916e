package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest.Stage;
import dev.caisson.sandbox.ExceptionEndpoint;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// The outcome of a stage.
///
/// Immutable, and so safe for many threads.
///
/// @param failure the reason if the stage failed; empty otherwise
/// @param output the last MiB of the output of the stage and of the services of its inputs
/// @param exception the exception that the service of an input threw, or that the stage reported
///   over the endpoint `osbuild`, if there was one
/// @param command the arguments of the last bubblewrap command line; empty if the stage ran no
///   command
public record StageResult(
    Stage stage,
    Optional<String> failure,
    String output,
    Optional<ExceptionEndpoint.Report> exception,
    List<String> command,
    Duration duration) {
  /// Copies the command.
  public StageResult {
    command = List.copyOf(command);
  }

  /// Whether the stage succeeded.
  public boolean success() {
    return failure.isEmpty();
  }
}
