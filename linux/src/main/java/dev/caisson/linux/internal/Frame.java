package dev.caisson.linux.internal;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.abi.SystemCall;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/// The memory for a system call's arguments and its errno.
///
/// Used by one thread. [#close()] releases the memory as a whole; no segment may be used after it.
public final class Frame implements AutoCloseable, SegmentAllocator {
  private static final MemoryPool SMALL = new MemoryPool(8 * 1024, 64);
  private static final MemoryPool LARGE = new MemoryPool(16 << 20, 16);

  /// The largest [#buffer(long)] from the pool, without a system call: more than the longest packet
  /// of a socket on a system with usual settings.
  public static final long LARGEST_BUFFER = LARGE.blockSize();

  /// The size in bytes up to which a touched buffer goes back to the pool.
  private static final long MOST_KEPT = 512 * 1024;

  private final MemorySegment block = SMALL.take();
  private final MemorySegment errno = block.asSlice(0, Libc.CAPTURE_STATE);
  private long used = Libc.CAPTURE_STATE.byteSize();
  private @Nullable MemorySegment large;
  private long touched;
  private @Nullable Arena overflow;

  /// Makes a system call.
  ///
  /// @return the kernel's result, or the negated errno
  public long call(SystemCall call, long a, long b, long c, long d, long e, long f) {
    long result = Libc.syscall(errno, call.number(), a, b, c, d, e, f);
    return result == -1 ? -Libc.errno(errno) : result;
  }

  public long call(SystemCall call, long a, long b, long c, long d, long e) {
    return call(call, a, b, c, d, e, 0);
  }

  public long call(SystemCall call, long a, long b, long c, long d) {
    return call(call, a, b, c, d, 0, 0);
  }

  public long call(SystemCall call, long a, long b, long c) {
    return call(call, a, b, c, 0, 0, 0);
  }

  public long call(SystemCall call, long a, long b) {
    return call(call, a, b, 0, 0, 0, 0);
  }

  public long call(SystemCall call, long a) {
    return call(call, a, 0, 0, 0, 0, 0);
  }

  /// Allocates zeroed memory.
  @Override
  public MemorySegment allocate(long bytes, long alignment) {
    long at = (used + alignment - 1) & -alignment;
    if (at + bytes > block.byteSize()) {
      return overflow().allocate(bytes, alignment);
    }
    used = at + bytes;
    return block.asSlice(at, bytes).fill((byte) 0);
  }

  /// Allocates memory without zeroing it, as [#buffer(long)] does, with an alignment.
  public MemorySegment buffer(long bytes, long alignment) {
    used = (used + alignment - 1) & -alignment;
    return buffer(bytes);
  }

  /// Allocates memory without zeroing it, for data that the caller overwrites. The memory contains
  /// arbitrary old bytes.
  public MemorySegment buffer(long bytes) {
    if (used + bytes <= block.byteSize()) {
      var slice = block.asSlice(used, bytes);
      used += bytes;
      return slice;
    }
    if (large == null && bytes <= LARGE.blockSize()) {
      large = LARGE.take();
      touched = bytes;
      return large.asSlice(0, bytes);
    }
    return overflow().allocate(bytes);
  }

  /// Records the number of bytes that the kernel has written to a buffer, which may be much less
  /// than its size.
  public void filled(long bytes) {
    touched = bytes;
  }

  private Arena overflow() {
    if (overflow == null) {
      overflow = Arena.ofConfined();
    }
    return overflow;
  }

  /// Allocates a NUL-terminated copy.
  ///
  /// @throws IllegalArgumentException if the bytes contain a NUL, which would end the string for
  ///   the kernel
  public MemorySegment string(byte[] bytes) {
    PathBytes.withoutNul(bytes);
    var segment = allocate(bytes.length + 1L, 1);
    MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return segment;
  }

  public MemorySegment string(String text) {
    return string(PathBytes.encode(text));
  }

  /// Allocates a null-terminated array of pointers to strings, as `execve(2)` takes it.
  public MemorySegment strings(Iterable<String> texts) {
    var pointers = new ArrayList<MemorySegment>();
    for (var text : texts) {
      pointers.add(string(text));
    }
    var array = allocate(ValueLayout.ADDRESS, pointers.size() + 1L);
    for (int i = 0; i < pointers.size(); i++) {
      array.setAtIndex(ValueLayout.ADDRESS, i, pointers.get(i));
    }
    return array;
  }

  /// Allocates a `struct timeval` of at least a microsecond: zero would mean no timeout.
  public MemorySegment timeval(Duration duration) {
    var timeval = allocate(16, 8);
    timeval.set(ValueLayout.JAVA_LONG, 0, duration.toSeconds());
    timeval.set(ValueLayout.JAVA_LONG, 8, Math.max(1, duration.toNanosPart() / 1000));
    return timeval;
  }

  @Override
  public void close() {
    SMALL.giveBack(block);
    if (large != null && touched > MOST_KEPT) {
      LARGE.drop(large);
    } else if (large != null) {
      LARGE.giveBack(large);
    }
    if (overflow != null) {
      overflow.close();
    }
  }
}
