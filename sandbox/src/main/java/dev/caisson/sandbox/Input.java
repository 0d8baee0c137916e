package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;

/// The standard input of a command.
sealed interface Input {
  /// The file of a descriptor, which stays the caller's.
  record OfDescriptor(Fd fd) implements Input {}

  /// Bytes in memory.
  @SuppressWarnings("ArrayRecordComponent") // handed on, never compared
  record OfBytes(byte[] bytes) implements Input {}

  /// A stream of the JVM, read to its end. The run closes it.
  record OfStream(InputStream stream) implements Input {}

  /// A regular file, opened when the run starts.
  record OfFile(Path path) implements Input {
    private static final int S_IFDIR = 0040000;

    /// Opens the file without blocking.
    ///
    /// @throws IOException if it cannot be opened, or is not a regular file
    Fd open() throws IOException {
      var fd = Fd.open(path, OpenFlag.NONBLOCK);
      try {
        int type = fd.fileType();
        if (type != Fd.S_IFREG) {
          throw SandboxException.of(
              RunResult.Step.COMMAND,
              "the input %s is %s"
                  .formatted(path, type == S_IFDIR ? "a directory" : "not a regular file"),
              "use a regular file, or open it and give the descriptor");
        }
        return fd;
      } catch (IOException | RuntimeException failure) {
        fd.close();
        throw failure;
      }
    }
  }
}
