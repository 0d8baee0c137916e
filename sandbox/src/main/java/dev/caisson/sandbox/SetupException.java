package dev.caisson.sandbox;

import java.io.IOException;
import java.util.Optional;

/// A step failed on the way to a sandbox.
final class SetupException extends IOException {
  private static final long serialVersionUID = 1;

  private final RunResult.Step step;

  SetupException(RunResult.Step step, IOException cause) {
    super(cause);
    this.step = step;
  }

  RunResult.Step step() {
    return step;
  }

  String reason() {
    var cause = getCause();
    return cause == null ? "" : Optional.ofNullable(cause.getMessage()).orElse(cause.toString());
  }
}
