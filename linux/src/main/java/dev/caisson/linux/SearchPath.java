package dev.caisson.linux;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;

/// Finds programs by their names in the directories of a PATH. See `execvp(3)`.
///
/// Safe for many threads.
public final class SearchPath {
  /// What the C library searches without a PATH.
  public static final String DEFAULT = "/bin:/usr/bin";

  private SearchPath() {}

  /// Finds the file of a program.
  ///
  /// A path with a slash is the file itself. A bare name is looked up in the directories of the
  /// variable PATH; an empty directory there is the working directory of the JVM.
  ///
  /// @param environment the variables in which PATH is looked up
  /// @throws SystemCallException ENOENT if no directory has a file of that name; EACCES if there is
  ///   such a file, but this process may not execute it
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
        // The JVM cannot name such a directory in its locale.
      }
    }
    throw new SystemCallException(reason, "execvp", "\"%s\", PATH=%s".formatted(program, path));
  }
}
