package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// The program `bwrap` that makes the sandboxes.
public final class Bubblewrap {
  private Bubblewrap() {}

  /// Finds it on the JVM's PATH.
  public static Optional<Path> find() {
    var path = System.getenv().getOrDefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    for (var directory : path.split(":", -1)) {
      var candidate = Path.of(directory.isEmpty() ? "." : directory, "bwrap");
      if (Files.isExecutable(candidate) && !Files.isDirectory(candidate)) {
        return Optional.of(candidate.toAbsolutePath());
      }
    }
    return Optional.empty();
  }

  static Path require() throws IOException {
    return find()
        .orElseThrow(() ->
            new IOException(
                "bubblewrap (the program bwrap) is not on the PATH, and no sandbox can be made"
                    + " without it; on Debian: apt-get install bubblewrap"));
  }
}
