package dev.caisson.cli.command;

import dev.caisson.linux.process.Processes;
import java.nio.file.Path;

/// Where things are unless the user says otherwise.
public final class Places {
  /// The store of builds, in the working directory.
  public static final String STORE = ".caisson";

  private Places() {}

  /// For what is temporary and belongs to no store: never a directory that others can write to.
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
