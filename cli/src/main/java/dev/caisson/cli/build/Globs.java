package dev.caisson.cli.build;

import dev.caisson.cli.command.UsageException;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.util.regex.PatternSyntaxException;

/// Matches patterns with `*`, `?` and `[...]`, as `fnmatch(3)` does.
public final class Globs {
  private Globs() {}

  public static boolean matches(String pattern, String text) throws UsageException {
    try {
      var glob = "glob:" + pattern.replace("\\", "\\\\").replace("{", "\\{");
      return FileSystems.getDefault().getPathMatcher(glob).matches(Path.of(text));
    } catch (PatternSyntaxException wrong) {
      throw new UsageException("not a valid pattern: " + pattern);
    }
  }
}
