package dev.caisson.remote;

import java.io.IOException;

/// A program that has connected as a stub is none, or one that lies.
public final class StubException extends IOException {
  private static final long serialVersionUID = 1;

  /// @param what it does that no stub does
  public StubException(String what) {
    super("a program that connected as a stub is none: " + what);
  }

  /// @param cause why it did not become a process
  public StubException(IOException cause) {
    super(
        "a program that connected as a stub did not become a process: " + cause.getMessage(),
        cause);
  }
}
