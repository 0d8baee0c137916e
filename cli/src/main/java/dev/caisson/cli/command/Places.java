package dev.caisson.cli.command;

import dev.caisson.linux.process.Processes;
import java.nio.file.Files;
import java.nio.file.Path;

/// Default locations of files.
public final class Places {
  /// The store of builds, below the working directory.
  public static final String STORE = ".caisson";

  private Places() {}

  /// The directory of temporary files that belong to no store. Other users cannot write to it. A
  /// user without a home directory gets one in `/tmp`.
  public static Path temporary() {
    if (Processes.geteuid() == 0) {
      return Path.of("/var/cache/caisson/tmp");
    }
    var cache = System.getenv().getOrDefault("XDG_CACHE_HOME", "");
    var home = System.getenv().getOrDefault("HOME", "/");
    var place = cache.isEmpty() ? Path.of(home, ".cache") : Path.of(cache);
    return canBeMade(place)
        ? place.resolve("caisson").resolve("tmp")
        : Path.of("/tmp", "caisson-" + Processes.geteuid());
  }

  private static boolean canBeMade(Path place) {
    var above = place.toAbsolutePath();
    while (above.getParent() != null && !Files.exists(above)) {
      above = above.getParent();
    }
    return Files.isDirectory(above) && Files.isWritable(above);
  }
}
