package dev.caisson.linux;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;

/// Finds programs by name in the directories of PATH. See `execvp(3)`.
///
/// Safe for many threads.
public final class SearchPath {
  /// The C library's search path if PATH is not set.
  public static final String DEFAULT = "/bin:/usr/bin";

  private SearchPath() {}

  /// Finds the file of a program.
  ///
  /// A path with a slash is returned unchanged. A bare name is looked up in the directories of
  /// PATH; an empty element of PATH means the working directory of the JVM.
  ///
  /// @param environment the variables that may contain PATH
  /// @throws SystemCallException ENOENT if no directory has a file of that name; EACCES if this
  ///   process may execute none of the files found
  public static Path find(Path program, Map<String, String> environment)
      throws SystemCallException {
    if (program.isAbsolute() || program.getNameCount() > 1) {
      return program;
    }
    var path = environment.getOrDefault("PATH", DEFAULT);
    var reason = Errno.ENOENT;
    for (var directory : path.split(":", -1)) {
      try {
        var file = Path.of(directory.isEmpty() ? "." : directory).resolve(program);
        if (Files.isRegularFile(file)) {
          if (Files.isExecutable(file)) {
            return file;
          }
          reason = Errno.EACCES;
        }
      } catch (InvalidPathException unspeakable) {
        // The JVM cannot encode this directory in its locale.
      }
    }
    throw new SystemCallException(reason, "execvp", "\"%s\", PATH=%s".formatted(program, path));
  }
}
