package dev.caisson.sandbox;

import dev.caisson.files.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What lies on the host for one run alone: the sockets of its endpoints, the name that bubblewrap
/// is executed under, and its devices.
record RunDirectory(Path path) implements AutoCloseable {
  static RunDirectory make(Path path) throws IOException {
    var made = new RunDirectory(Files.createDirectory(path));
    Files.createDirectory(made.api());
    return made;
  }

  /// Where the sockets are.
  Path api() {
    return path.resolve("api");
  }

  /// Where a file system with devices can be mounted.
  Path dev() {
    return path.resolve("dev");
  }

  /// Deletes it. What cannot be deleted goes with the build root, whose directory it is in.
  @Override
  public void close() {
    try {
      Trees.delete(path);
    } catch (IOException leftToTheBuildRoot) {
      // The build root says so if it is asked.
    }
  }
}
