package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest.Stage;
import dev.caisson.sandbox.ExceptionEndpoint;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// How a stage went.
///
/// Immutable, and so safe for many threads.
///
/// @param failure why it failed; empty if it did not
/// @param output the last MiB of what it and the services of its inputs printed
/// @param exception what the service of an input threw, or what the stage reported over the
///   endpoint `osbuild`, if one did
/// @param command the last bubblewrap command line, each argument by itself; empty if it ran none
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

  /// Whether it did what it should.
  public boolean success() {
    return failure.isEmpty();
  }
}
