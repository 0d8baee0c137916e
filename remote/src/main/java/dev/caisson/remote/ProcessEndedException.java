package dev.caisson.remote;

import java.io.IOException;
import java.nio.file.Path;

/// A persistent process has ended: no process listens at its socket.
public final class ProcessEndedException extends IOException {
  private static final long serialVersionUID = 1;

  ProcessEndedException(Path socket, IOException cause) {
    super("the process that listened at %s has ended".formatted(socket), cause);
  }
}
