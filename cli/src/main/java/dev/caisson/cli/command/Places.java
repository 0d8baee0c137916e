package dev.caisson.cli.command;

import dev.caisson.linux.process.Processes;
import java.nio.file.Path;

/// Default locations of files.
public final class Places {
  /// The store of builds, below the working directory.
  public static final String STORE = ".caisson";

  private Places() {}

  /// The directory of temporary files that belong to no store. Other users cannot write to it.
  public static Path temporary() {
    var home = System.getenv("XDG_CACHE_HOME");
    if (Processes.geteuid() == 0) {
      return Path.of("/var/cache/caisson/tmp");
    }
    return home == null || home.isEmpty()
        ? Path.of(System.getenv().getOrDefault("HOME", "/"), ".cache", "caisson", "tmp")
        : Path.of(home, "caisson", "tmp");
  }
}
