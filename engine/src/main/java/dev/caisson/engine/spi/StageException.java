package dev.caisson.engine.spi;

import java.io.IOException;

/// A stage cannot do what it was asked to.
public final class StageException extends IOException {
  private static final long serialVersionUID = 1;

  /// @param reason what the user reads
  public StageException(String reason) {
    super(reason);
  }
}
