package dev.caisson.stub;

import java.io.IOException;

/// A handler of a stub failed, or did not end in time.
public final class StubHandlerException extends IOException {
  private static final long serialVersionUID = 1;

  StubHandlerException(String name, Throwable cause) {
    super("the handler of %s failed: %s".formatted(name, cause), cause);
  }
}
