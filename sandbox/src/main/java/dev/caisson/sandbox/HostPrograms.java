package dev.caisson.sandbox;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// Programs of the host by their names.
final class HostPrograms {
  private HostPrograms() {}

  /// Finds a program on the JVM's PATH.
  static Optional<Path> find(String name) {
    return find(name, System.getenv());
  }

  /// Finds a program on the PATH of an environment.
  static Optional<Path> find(String name, Map<String, String> environment) {
    var path = environment.getOrDefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    for (var directory : path.split(":", -1)) {
      var candidate = Path.of(directory.isEmpty() ? "." : directory, name);
      if (Files.isExecutable(candidate) && !Files.isDirectory(candidate)) {
        return Optional.of(candidate.toAbsolutePath());
      }
    }
    return Optional.empty();
  }
}
