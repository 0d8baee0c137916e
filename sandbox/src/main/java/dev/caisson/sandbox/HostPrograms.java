package dev.caisson.sandbox;

import dev.caisson.linux.SearchPath;
import dev.caisson.linux.SystemCallException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// Finds programs of the host by name.
final class HostPrograms {
  private HostPrograms() {}

  /// Finds a program on the JVM's PATH.
  static Optional<Path> find(String name) {
    return find(name, System.getenv());
  }

  /// Finds a program on the PATH of an environment.
  static Optional<Path> find(String name, Map<String, String> environment) {
    var path = environment.getOrDefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    try {
      return Optional.of(SearchPath.find(Path.of(name), Map.of("PATH", path)).toAbsolutePath());
    } catch (SystemCallException none) {
      return Optional.empty();
    }
  }
}
