package dev.caisson.linux.file;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Shared memory: a part of a file that is mapped for reading and writing. See `mmap(2)`,
/// MAP_SHARED.
///
/// Safe for many threads, which must synchronize their accesses to the memory themselves.
public final class Mapping implements AutoCloseable {
  private static final int READ_AND_WRITE = 3;
  private static final int MAP_SHARED = 1;

  private final Arena arena;
  private final MemorySegment memory;

  private Mapping(Arena arena, MemorySegment memory) {
    this.arena = arena;
    this.memory = memory;
  }

  /// Maps a part of a file.
  ///
  /// @param file open for reading and writing; the caller may close it afterwards
  /// @param offset in bytes, a multiple of the page size
  /// @param size in bytes; memory beyond the end of the file must not be accessed
  @SuppressWarnings("restricted") // the size is what was mapped
  public static Mapping mmap(Fd file, long offset, long size) throws SystemCallException {
    int number = file.enter();
    try (var frame = new Frame()) {
      long result =
          frame.call(SystemCall.MMAP, 0, size, READ_AND_WRITE, MAP_SHARED, number, offset);
      SystemCallException.check(
          Errno.isError(result) ? result : 0, SystemCall.MMAP, number, offset, size);
      var arena = Arena.ofShared();
      return new Mapping(
          arena, MemorySegment.ofAddress(result).reinterpret(size, arena, Mapping::munmap));
    } finally {
      file.exit();
    }
  }

  private static void munmap(MemorySegment memory) {
    try (var frame = new Frame()) {
      frame.call(SystemCall.MUNMAP, memory.address(), memory.byteSize());
    }
  }

  /// The mapped memory. After [#close()], an access throws an [IllegalStateException].
  public MemorySegment memory() {
    return memory;
  }

  /// Unmaps the memory. Idempotent. See `munmap(2)`.
  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
