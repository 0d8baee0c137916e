package dev.caisson.testkit;

import java.nio.file.Files;
import java.nio.file.Path;

/// The parts of a build of rsyscall, [Upstream#RSYSCALL]. A test that asks for one is skipped where
/// there is no build, and fails where the build is not whole.
public final class Rsyscall {
  private Rsyscall() {}

  /// The directory of the build.
  public static Path directory() {
    return Upstream.RSYSCALL.directory();
  }

  /// One of its programs.
  public static Path program(String name) {
    var program = programs(directory()).resolve(name);
    if (!Files.isExecutable(program)) {
      throw new AssertionError("the build of rsyscall has no program " + program);
    }
    return program;
  }

  /// Its Python packages, `rsyscall` and `nixdeps` among them.
  public static Path python() {
    var packages = directory().resolve("python");
    if (!Files.isDirectory(packages.resolve("rsyscall"))) {
      throw new AssertionError("the build of rsyscall has no Python package in " + packages);
    }
    return packages;
  }

  /// Where programs are in a build, or in a directory that stands for one.
  public static Path programs(Path directory) {
    return directory.resolve("libexec/rsyscall");
  }
}
