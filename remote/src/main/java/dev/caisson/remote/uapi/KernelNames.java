package dev.caisson.remote.uapi;

import dev.caisson.linux.PathBytes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/// The names of files that the kernel tells, which need not be text.
final class KernelNames {
  private KernelNames() {}

  /// The name that ends with a NUL, or with the memory; none if it is no name of a file.
  static Optional<Path> read(MemorySegment name) {
    return path(name).flatMap(path -> Optional.ofNullable(path.getFileName()));
  }

  /// The path that ends with a NUL, or with the memory; none if it is empty.
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
    // Absolute, for Java to keep bytes that are no text.
    var absolute = new byte[1 + end];
    absolute[0] = '/';
    System.arraycopy(bytes, 0, absolute, 1, end);
    var whole = PathBytes.toPath(absolute);
    return Optional.of(whole.subpath(0, whole.getNameCount()));
  }
}
