package dev.caisson.service.internal;

import java.io.IOException;

/// A peer sent JSON that is not a message of the protocol.
///
/// Immutable.
public final class MalformedMessageException extends IOException {
  private static final long serialVersionUID = 1;

  MalformedMessageException(String problem) {
    super(problem);
  }
}
