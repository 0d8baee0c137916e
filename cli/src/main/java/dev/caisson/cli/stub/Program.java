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

/// A program, found by its name as a shell does. See `execvp(3)`.
///
/// @param name the name that the user gave
/// @param candidates the files to try, in order
public record Program(String name, List<Path> candidates) {
  /// The PATH that shells use if the variable is not set.
  public static final byte[] DEFAULT_PATH =
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
          .getBytes(StandardCharsets.US_ASCII);

  /// The errors after which the next directory is tried.
  private static final Set<Errno> ABSENT =
      Set.of(Errno.ENOENT, Errno.ENOTDIR, Errno.ESTALE, Errno.ENODEV, Errno.ETIMEDOUT);

  private static final Path SHELL = Path.of("/bin/sh");

  /// Returns a program. A name with a slash is a file relative to the working directory; any other
  /// name is looked up in the directories of a PATH.
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

  /// The name as a word of a shell, for messages.
  public String quoted() {
    return ShellWords.quote(name);
  }

  /// The system call that executes a file.
  @FunctionalInterface
  public interface Execve {
    /// Executes a file.
    ///
    /// @param argv the arguments, the name first
    /// @throws SystemCallException if the file cannot be executed
    void execve(Path file, List<byte[]> argv) throws IOException;
  }

  /// The program cannot be executed, or was not found.
  public static final class NotExecutedException extends IOException {
    private static final long serialVersionUID = 1;

    private final int status;

    public NotExecutedException(String name, Errno errno) {
      super("cannot execute %s: %s (%s)".formatted(ShellWords.quote(name), errno.text(), errno));
      this.status = ABSENT.contains(errno) ? ExitCode.NOT_FOUND : ExitCode.NOT_EXECUTABLE;
    }

    /// The exit status of a shell in this case: 126, or 127 if the program was not found.
    public int status() {
      return status;
    }
  }

  /// Executes the first candidate that can be executed.
  ///
  /// @param argv the arguments, the name first
  /// @throws NotExecutedException if no candidate can be executed
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

  /// Runs a script without a `#!` line by the shell, as `execvp(3)` does.
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
