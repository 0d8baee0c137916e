package dev.caisson.remote;

import java.io.IOException;

/// The connection to a process has ended for good: the process has ended or executed another
/// program, or the connection was closed.
public final class ConnectionLostException extends IOException {
  private static final long serialVersionUID = 1;

  private final boolean submitted;

  /// @param what the process
  /// @param submitted whether the call may have been made
  public ConnectionLostException(String what, boolean submitted) {
    super(
        "the connection to %s was lost; the call %s"
            .formatted(what, submitted ? "may have been made or not" : "was not made"));
    this.submitted = submitted;
  }

  /// Whether the call may have been made. If false, it certainly was not.
  public boolean submitted() {
    return submitted;
  }
}
