package dev.caisson.stub;

import java.io.IOException;

/// A list of expected invocations is malformed. The message names the line.
public final class ExpectationException extends IOException {
  private static final long serialVersionUID = 1;

  ExpectationException(int line, String what) {
    super("line " + line + ": " + what);
  }
}
