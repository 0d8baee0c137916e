package dev.caisson.ipc;

import java.io.IOException;

/// A message cannot be sent, or a received message is not acceptable.
///
/// Immutable.
public final class MessageException extends IOException {
  private static final long serialVersionUID = 1;

  /// @param problem the fault of the message
  public MessageException(String problem) {
    super(problem);
  }

  MessageException(String problem, Throwable cause) {
    super(problem, cause);
  }
}
