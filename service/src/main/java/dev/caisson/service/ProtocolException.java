package dev.caisson.service;

import java.util.Objects;

/// The peer broke the protocol. The connection can no longer be used.
///
/// Immutable.
public final class ProtocolException extends ServiceException {
  private static final long serialVersionUID = 1;

  /// @param problem what the peer did
  public ProtocolException(String problem) {
    super(Objects.requireNonNull(problem, "problem"));
  }
}
