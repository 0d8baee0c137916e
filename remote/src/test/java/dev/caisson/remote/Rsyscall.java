package dev.caisson.remote;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// What upstream's build has put into a directory, which the variable `CAISSON_RSYSCALL` names: its
/// programs in `libexec/rsyscall`, its packages for `/usr/bin/python3` in `python`, `rsyscall` and
/// `nixdeps` among them. Nobody need have it.
final class Upstream {
  private static final String VARIABLE = "CAISSON_RSYSCALL";

  private Upstream() {}

  /// The directory; a test that asks for it is skipped where there is none.
  static Path directory() {
    var named = Optional.ofNullable(System.getenv(VARIABLE));
    assumeTrue(named.isPresent(), "missing: a build of rsyscall (" + VARIABLE + " names it)");
    return Path.of(named.get());
  }

  /// One of its programs.
  static Path program(String name) {
    return programs(directory()).resolve(name);
  }

  /// Its packages.
  static Path python() {
    var packages = directory().resolve("python");
    assumeTrue(
        Files.isDirectory(packages.resolve("rsyscall")),
        "missing: rsyscall's packages (in `python` of " + VARIABLE + ")");
    return packages;
  }

  /// Where its programs are, or what stands for them.
  static Path programs(Path directory) {
    return directory.resolve("libexec/rsyscall");
  }
}
