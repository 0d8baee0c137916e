package dev.caisson.cli.stub;

import dev.caisson.cli.command.ExitCode;
import dev.caisson.linux.Errno;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.ShellWords;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/// A program by its name, which is looked for as a shell does. See `execvp(3)`.
///
/// @param name what somebody called it
/// @param candidates where it may be, the likeliest first
public record Program(String name, List<Path> candidates) {
  /// What the C library takes for a PATH that there is not.
  public static final byte[] DEFAULT_PATH = "/bin:/usr/bin".getBytes(StandardCharsets.US_ASCII);

  /// What means that it is not there, but may be in the next directory.
  private static final Set<Errno> ABSENT =
      Set.of(Errno.ENOENT, Errno.ENOTDIR, Errno.ESTALE, Errno.ENODEV, Errno.ETIMEDOUT);

  private static final Path SHELL = Path.of("/bin/sh");

  /// A program, relative to the working directory if there is a slash in its name, and in one of
  /// the directories of a PATH if there is none.
  public static Program of(String name, byte[] path) {
    if (name.isEmpty()) {
      return new Program(name, List.of());
    }
    if (name.indexOf('/') >= 0) {
      return new Program(name, List.of(Path.of(name).toAbsolutePath()));
    }
    return new Program(
        name, directories(path).stream().map(directory -> directory.resolve(name)).toList());
  }

  private static List<Path> directories(byte[] path) {
    var directories = new ArrayList<Path>();
    int from = 0;
    for (int i = 0; i <= path.length; i++) {
      if (i == path.length || path[i] == ':') {
        var directory = Arrays.copyOfRange(path, from, i);
        directories.add(
            directory.length > 0 && directory[0] == '/'
                ? PathBytes.toPath(directory)
                : Path.of(PathBytes.decode(directory)).toAbsolutePath());
        from = i + 1;
      }
    }
    return directories;
  }

  /// How a file is executed.
  @FunctionalInterface
  public interface Execve {
    /// Executes it.
    ///
    /// @param argv the name first
    /// @throws SystemCallException if it cannot be executed
    void execve(Path file, List<byte[]> argv) throws IOException;
  }

  /// It cannot be executed.
  public static final class NotExecutedException extends IOException {
    private static final long serialVersionUID = 1;

    private final int status;

    public NotExecutedException(String name, Errno errno) {
      super("cannot execute %s: %s (%s)".formatted(ShellWords.quote(name), errno.text(), errno));
      this.status = ABSENT.contains(errno) ? ExitCode.NOT_FOUND : ExitCode.NOT_EXECUTABLE;
    }

    /// What a shell exits with then.
    public int status() {
      return status;
    }
  }

  /// Executes the first that can be.
  ///
  /// @param argv what it is called with, the name first
  /// @throws NotExecutedException if none can be
  public void execvp(List<byte[]> argv, Execve how) throws IOException {
    var reason = Errno.ENOENT;
    for (var file : candidates) {
      try {
        how.execve(file, argv);
        return;
      } catch (SystemCallException refused) {
        if (refused.errno() == Errno.ENOEXEC) {
          script(file, argv, how);
          return;
        }
        if (refused.errno() == Errno.EACCES) {
          reason = Errno.EACCES;
        } else if (!ABSENT.contains(refused.errno())) {
          throw new NotExecutedException(name, refused.errno());
        }
      }
    }
    throw new NotExecutedException(name, reason);
  }

  /// What does not say how it is to be run is for the shell.
  private void script(Path file, List<byte[]> argv, Execve how) throws IOException {
    var words = new ArrayList<byte[]>();
    words.add(PathBytes.encode("sh"));
    words.add(PathBytes.of(file));
    argv.stream().skip(1).forEach(words::add);
    try {
      how.execve(SHELL, words);
    } catch (SystemCallException refused) {
      throw new NotExecutedException(name, Errno.ENOEXEC);
    }
  }
}
