package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What lies on the host for one run alone: the sockets of its endpoints, the name that bubblewrap
/// is executed under, and its devices.
record RunDirectory(Path path) implements AutoCloseable {
  static RunDirectory make(Path path) throws IOException {
    return new RunDirectory(Files.createDirectory(path));
  }

  @Override
  public void close() throws IOException {
    Trees.delete(path);
  }
}
