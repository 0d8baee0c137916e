package dev.caisson.cli;

import java.nio.file.FileSystems;
import java.nio.file.Path;

/// Patterns with `*`, `?` and `[...]`, as `fnmatch(3)` has them.
final class Globs {
  private Globs() {}

  static boolean matches(String pattern, String text) {
    return !text.contains("/")
        && FileSystems.getDefault()
            .getPathMatcher("glob:" + pattern.replace("\\", "\\\\").replace("{", "\\{"))
            .matches(Path.of(text));
  }
}
