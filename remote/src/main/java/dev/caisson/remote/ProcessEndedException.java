package dev.caisson.remote;

import java.io.IOException;
import java.nio.file.Path;

/// A process that was to go on has ended: nobody answers at its socket any more.
public final class ProcessEndedException extends IOException {
  private static final long serialVersionUID = 1;

  ProcessEndedException(Path socket, IOException cause) {
    super("the process that listened at %s has ended".formatted(socket), cause);
  }
}
