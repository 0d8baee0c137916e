package dev.caisson.remote;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Upstream;
import java.nio.file.Path;

/// The parts of a build of rsyscall, [Upstream#RSYSCALL]. A test that asks for one is skipped where
/// there is no build, and fails where the build is not whole.
final class Rsyscall {
  private Rsyscall() {}

  /// The directory of the build.
  static Path directory() {
    return Upstream.RSYSCALL.directory();
  }

  /// One of its programs.
  static Path program(String name) {
    var program = programs(directory()).resolve(name);
    assertThat(program).isExecutable();
    return program;
  }

  /// Its Python packages, `rsyscall` and `nixdeps` among them.
  static Path python() {
    var packages = directory().resolve("python");
    assertThat(packages.resolve("rsyscall")).isDirectory();
    return packages;
  }

  /// Where programs are in a build, or in a directory that stands for one.
  static Path programs(Path directory) {
    return directory.resolve("libexec/rsyscall");
  }
}
