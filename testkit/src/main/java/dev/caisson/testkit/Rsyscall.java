package dev.caisson.testkit;

import java.nio.file.Files;
import java.nio.file.Path;

/// The parts of a build of rsyscall, [Upstream#RSYSCALL]. A test that asks for one is skipped if
/// there is no build, and fails if the build is incomplete.
public final class Rsyscall {
  private Rsyscall() {}

  /// The directory of the build.
  public static Path directory() {
    return Upstream.RSYSCALL.directory();
  }

  /// A program of the build.
  public static Path program(String name) {
    var program = programs(directory()).resolve(name);
    if (!Files.isExecutable(program)) {
      throw new AssertionError("the build of rsyscall has no program " + program);
    }
    return program;
  }

  /// The directory of the build's Python packages, such as `rsyscall` and `nixdeps`.
  public static Path python() {
    var packages = directory().resolve("python");
    if (!Files.isDirectory(packages.resolve("rsyscall"))) {
      throw new AssertionError("the build of rsyscall has no Python package in " + packages);
    }
    return packages;
  }

  /// The directory of the programs in a build, or in a substitute for one.
  public static Path programs(Path directory) {
    return directory.resolve("libexec/rsyscall");
  }
}
