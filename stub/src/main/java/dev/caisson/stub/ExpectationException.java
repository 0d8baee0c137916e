package dev.caisson.stub;

import java.io.IOException;

/// What should say which invocations are expected does not say it.
public final class ExpectationException extends IOException {
  private static final long serialVersionUID = 1;

  ExpectationException(int line, String what) {
    super("line " + line + ": " + what);
  }
}
