package dev.caisson.engine.spi;

import dev.caisson.engine.BuildException;

/// A stage cannot do what it was asked to.
///
/// Immutable.
public final class StageException extends BuildException {
  private static final long serialVersionUID = 1;

  /// @param reason what the user reads
  public StageException(String reason) {
    super(Step.STAGE, reason);
  }
}
