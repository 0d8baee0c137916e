package dev.caisson.remote;

import java.io.IOException;

/// A program that connected as a stub is not a stub, or broke the protocol.
public final class StubException extends IOException {
  private static final long serialVersionUID = 1;

  /// @param what how it broke the protocol
  public StubException(String what) {
    super("the program that connected is not a working stub: " + what);
  }

  /// @param cause why the handshake failed
  public StubException(IOException cause) {
    super("the handshake with a stub failed: " + cause.getMessage(), cause);
  }
}
