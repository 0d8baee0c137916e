package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/// Reads and writes the control files of cgroups.
final class ControlFile {
  private static final int CHUNK = 4096;

  private ControlFile() {}

  /// Writes a value in one `write(2)`, as the kernel requires. Never creates the file.
  static void write(Path file, String value) throws IOException {
    try (var fd = Fd.open(file, OpenFlag.WRONLY)) {
      fd.write(value.getBytes(StandardCharsets.US_ASCII));
    } catch (SystemCallException failure) {
      throw new IOException(
          "cannot write '%s' to %s: %s (%s)"
              .formatted(value, file, failure.errno(), failure.errno().text()),
          failure);
    }
  }

  static String read(Path file) throws IOException {
    try {
      return contents(file);
    } catch (SystemCallException failure) {
      throw new IOException(
          "cannot read %s: %s (%s)".formatted(file, failure.errno(), failure.errno().text()),
          failure);
    }
  }

  private static String contents(Path file) throws SystemCallException {
    var bytes = new ByteArrayOutputStream();
    var buffer = new byte[CHUNK];
    try (var fd = Fd.open(file)) {
      for (int count; (count = fd.read(buffer, 0, CHUNK)) > 0; ) {
        bytes.write(buffer, 0, count);
      }
    }
    return bytes.toString(StandardCharsets.ISO_8859_1).strip();
  }

  /// Reads a file; empty if the kernel has no such file, or the cgroup has just been removed.
  static Optional<String> readIfThere(Path file) throws IOException {
    try {
      return Optional.of(contents(file));
    } catch (SystemCallException failure) {
      if (failure.errno() == Errno.ENOENT || failure.errno() == Errno.ENODEV) {
        return Optional.empty();
      }
      throw new IOException("cannot read " + file, failure);
    }
  }

  /// The words of a file; empty if it does not exist.
  static Set<String> words(Path file) throws IOException {
    var words = new HashSet<String>();
    for (var line : readIfThere(file).orElse("").split("\n", -1)) {
      for (var word : line.split(" ", -1)) {
        if (!word.isEmpty()) {
          words.add(word);
        }
      }
    }
    return words;
  }

  static OptionalLong number(Path file) throws IOException {
    var text = readIfThere(file);
    return text.isPresent() ? number(text.get()) : OptionalLong.empty();
  }

  /// The number after a key, in a file with one key on each line.
  static OptionalLong entry(Path file, String key) throws IOException {
    for (var line : readIfThere(file).orElse("").split("\n", -1)) {
      if (line.startsWith(key + " ")) {
        return number(line.substring(key.length()).strip());
      }
    }
    return OptionalLong.empty();
  }

  private static OptionalLong number(String text) {
    try {
      return OptionalLong.of(Long.parseLong(text));
    } catch (NumberFormatException word) {
      return OptionalLong.empty();
    }
  }
}
