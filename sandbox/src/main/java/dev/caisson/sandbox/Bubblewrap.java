package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Memfd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// The program `bwrap` that makes the sandboxes.
public final class Bubblewrap {
  private static final Map<Path, byte[]> contents = new HashMap<>();

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

  /// A copy of it in memory. It is the first process of each sandbox, and by `/proc/1/exe` user 0
  /// in there reaches the file, its mode at least: that must not be the host's, nor that of another
  /// run.
  static Fd copy(Path file) throws IOException {
    byte[] known;
    synchronized (contents) {
      known = contents.get(file);
      if (known == null) {
        known = Files.readAllBytes(file);
        contents.put(file, known);
      }
    }
    return Memfd.sealed("bwrap", known);
  }
}
