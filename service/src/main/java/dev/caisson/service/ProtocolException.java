package dev.caisson.service;

import java.util.Objects;

/// The other side does not keep to the protocol. The connection cannot be used any more.
///
/// Immutable.
public final class ProtocolException extends ServiceException {
  private static final long serialVersionUID = 1;

  /// @param problem what it did
  public ProtocolException(String problem) {
    super(Objects.requireNonNull(problem, "problem"));
  }
}
