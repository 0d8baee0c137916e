package dev.caisson.cli;

import dev.caisson.linux.process.Processes;
import java.nio.file.Path;

/// Where things are unless the user says otherwise.
final class Places {
  /// The store of builds, in the working directory.
  static final String STORE = ".caisson";

  private Places() {}

  /// For what is temporary and belongs to no store: never a directory that others can write to.
  static Path temporary() {
    var home = System.getenv("XDG_CACHE_HOME");
    if (Processes.geteuid() == 0) {
      return Path.of("/var/cache/caisson/tmp");
    }
    return home == null || home.isEmpty()
        ? Path.of(System.getenv().getOrDefault("HOME", "/"), ".cache", "caisson", "tmp")
        : Path.of(home, "caisson", "tmp");
  }
}
