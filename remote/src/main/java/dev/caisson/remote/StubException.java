package dev.caisson.remote;

import java.io.IOException;

/// Whoever connected to a server of stubs is no stub, or one that lies.
public final class StubException extends IOException {
  private static final long serialVersionUID = 1;

  StubException(String what) {
    super("a program that connected as a stub is none: " + what);
  }

  StubException(IOException cause) {
    super(
        "a program that connected as a stub did not become a process: " + cause.getMessage(),
        cause);
  }
}
