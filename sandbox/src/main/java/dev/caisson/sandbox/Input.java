package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;

/// What a command reads as its standard input.
sealed interface Input {
  /// What a descriptor of the caller holds.
  record OfDescriptor(Fd fd) implements Input {}

  /// These bytes.
  @SuppressWarnings("ArrayRecordComponent") // handed on, never compared
  record OfBytes(byte[] bytes) implements Input {}

  /// What a stream gives until its end. A run closes it.
  record OfStream(InputStream stream) implements Input {}

  /// What is in a regular file when the run starts.
  record OfFile(Path path) implements Input {
    private static final int S_IFDIR = 0040000;

    /// Opens the file, which does not block.
    ///
    /// @throws IOException if it cannot be opened, or is no regular file
    Fd open() throws IOException {
      var fd = Fd.open(path, OpenFlag.NONBLOCK);
      try {
        int type = fd.fileType();
        if (type != Fd.S_IFREG) {
          throw SandboxException.of(
              RunResult.Step.COMMAND,
              "the input %s is %s"
                  .formatted(path, type == S_IFDIR ? "a directory" : "no regular file"),
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
