package dev.caisson.sandbox;

import java.nio.file.Path;

/// A file or directory of the host that is shown in the sandbox.
///
/// Any byte but NUL may be in either path.
///
/// @param kind what may be done with it there
/// @param source where it is on the host
/// @param target where it is in the sandbox; absolute
public record Bind(Kind kind, Path source, Path target) {
  /// What may be done with what is shown.
  public enum Kind {
    /// It can be read.
    READ_ONLY("--ro-bind"),
    /// It can be read and written.
    READ_WRITE("--bind"),
    /// It can be read and written, and device nodes in it work.
    DEVICE("--dev-bind");

    final String option;

    Kind(String option) {
      this.option = option;
    }
  }

  /// @throws IllegalArgumentException if the target is not absolute
  public Bind {
    if (!target.isAbsolute()) {
      throw new IllegalArgumentException("a place in the sandbox must be absolute: " + target);
    }
  }

  /// Shows it for reading alone.
  public static Bind readOnly(Path source, String target) {
    return new Bind(Kind.READ_ONLY, source, Path.of(target));
  }

  /// Shows it for reading and writing.
  public static Bind readWrite(Path source, String target) {
    return new Bind(Kind.READ_WRITE, source, Path.of(target));
  }
}
