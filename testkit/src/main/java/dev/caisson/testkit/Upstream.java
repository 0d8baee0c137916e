package dev.caisson.testkit;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;

/// The projects that Caisson is compatible with. A variable names a local copy of each. Copies are
/// optional, and CI has no copies.
public enum Upstream {
  /// A checkout of osbuild.
  OSBUILD("CAISSON_OSBUILD", "a checkout of osbuild"),
  /// A directory with a build of rsyscall: its programs in `libexec/rsyscall`, its packages for
  /// `/usr/bin/python3` in `python`.
  RSYSCALL("CAISSON_RSYSCALL", "a build of rsyscall");

  private final String variable;
  private final String description;

  Upstream(String variable, String description) {
    this.variable = variable;
    this.description = description;
  }

  /// The directory, if the variable names one.
  ///
  /// @throws AssertionError if there is no such directory
  public Optional<Path> find() {
    var named = Optional.ofNullable(System.getenv(variable)).map(Path::of);
    if (named.isPresent() && !named.get().toFile().isDirectory()) {
      throw new AssertionError(variable + " does not name a directory: " + named.get());
    }
    return named;
  }

  /// The directory. Skips the calling test if the variable is not set.
  public Path directory() {
    var found = find();
    Assumptions.assumeTrue(
        found.isPresent(), () -> "missing: %s (%s names it)".formatted(description, variable));
    return found.orElseThrow();
  }
}
