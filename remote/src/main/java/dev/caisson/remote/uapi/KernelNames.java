package dev.caisson.remote.uapi;

import dev.caisson.linux.PathBytes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/// File names from the kernel, which need not be text.
final class KernelNames {
  private KernelNames() {}

  /// The name up to a NUL or the end of the memory; empty if it is not a file name.
  static Optional<Path> read(MemorySegment name) {
    return path(name).flatMap(path -> Optional.ofNullable(path.getFileName()));
  }

  /// The path up to a NUL or the end of the memory; empty if there are no bytes.
  static Optional<Path> path(MemorySegment path) {
    var bytes = path.toArray(ValueLayout.JAVA_BYTE);
    int end = 0;
    while (end < bytes.length && bytes[end] != 0) {
      end++;
    }
    if (end == 0) {
      return Optional.empty();
    }
    if (bytes[0] == '/') {
      return Optional.of(PathBytes.toPath(Arrays.copyOf(bytes, end)));
    }
    // Converted as an absolute path: Java then preserves bytes that are not text.
    var absolute = new byte[1 + end];
    absolute[0] = '/';
    System.arraycopy(bytes, 0, absolute, 1, end);
    var whole = PathBytes.toPath(absolute);
    return Optional.of(whole.subpath(0, whole.getNameCount()));
  }
}
