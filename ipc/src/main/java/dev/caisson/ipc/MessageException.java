package dev.caisson.ipc;

import java.io.IOException;

/// A message that cannot be sent, or one that was received and is not acceptable.
///
/// Immutable.
public final class MessageException extends IOException {
  private static final long serialVersionUID = 1;

  /// @param problem what is wrong with it
  public MessageException(String problem) {
    super(problem);
  }

  MessageException(String problem, Throwable cause) {
    super(problem, cause);
  }
}
