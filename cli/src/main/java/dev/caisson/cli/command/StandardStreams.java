package dev.caisson.cli.command;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// The standard streams that this JVM was started with.
public final class StandardStreams {
  private StandardStreams() {}

  /// Returns a standard stream. The JVM still owns it: the caller does not close the descriptor.
  ///
  /// @return empty if the stream is closed
  public static Optional<Fd> of(int number) throws SystemCallException {
    try {
      var stream = Fd.adopt(number);
      return isOfTheJvm(number) ? Optional.empty() : Optional.of(stream);
    } catch (SystemCallException failure) {
      if (failure.errno() == Errno.EBADF) {
        return Optional.empty();
      }
      throw failure;
    }
  }

  /// Whether the JVM itself has opened the descriptor. A JVM that is started without a standard
  /// stream gives its number to one of its own files.
  public static boolean isOfTheJvm(int number) {
    try {
      var file = Files.readSymbolicLink(Path.of("/proc/self/fd/" + number));
      return file.startsWith(Path.of(System.getProperty("java.home")).toRealPath())
          || file.toString().endsWith(".jar")
          || file.toString().endsWith(".aot");
    } catch (IOException noProc) {
      return true;
    }
  }
}
