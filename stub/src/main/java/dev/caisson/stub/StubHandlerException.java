package dev.caisson.stub;

import java.io.IOException;

/// A handler of stubs has failed, or did not end.
public final class StubHandlerException extends IOException {
  private static final long serialVersionUID = 1;

  StubHandlerException(String name, Throwable cause) {
    super("the handler of %s failed: %s".formatted(name, cause), cause);
  }
}
