package dev.caisson.engine.spi;

import dev.caisson.engine.BuildException;

/// A stage failed, or its options cannot be carried out.
///
/// Immutable.
public final class StageException extends BuildException {
  private static final long serialVersionUID = 1;

  /// @param reason the reason, shown to the user
  public StageException(String reason) {
    super(Step.STAGE, reason);
  }
}
