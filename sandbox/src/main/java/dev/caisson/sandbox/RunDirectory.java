package dev.caisson.sandbox;

import dev.caisson.files.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The directory of a single run on the host: the sockets of its endpoints, a link to bubblewrap,
/// and its device nodes.
record RunDirectory(Path path) implements AutoCloseable {
  static RunDirectory make(Path path) throws IOException {
    var made = new RunDirectory(Files.createDirectory(path));
    Files.createDirectory(made.api());
    return made;
  }

  /// The directory of the sockets.
  Path api() {
    return path.resolve("api");
  }

  /// The mount point for device nodes.
  Path dev() {
    return path.resolve("dev");
  }

  /// Deletes the directory. The build root deletes files that are left.
  @Override
  public void close() {
    try {
      Trees.delete(path);
    } catch (IOException leftToTheBuildRoot) {
      // The build root reports it in finish().
    }
  }
}
