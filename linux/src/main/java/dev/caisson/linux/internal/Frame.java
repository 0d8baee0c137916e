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

/// The memory that a system call needs, and the errno that it leaves: used by one thread, and given
/// back as a whole, after which none of its segments may be touched.
public final class Frame implements AutoCloseable, SegmentAllocator {
  private static final MemoryPool SMALL = new MemoryPool(8 * 1024, 64);
  private static final MemoryPool LARGE = new MemoryPool(16 << 20, 16);

  /// The most that [#buffer(long)] has without asking the kernel: more than a packet of a socket
  /// has on any system that is set up for humans.
  public static final long LARGEST_BUFFER = LARGE.blockSize();

  /// How much of a buffer may have been touched if it is to be kept.
  private static final long MOST_KEPT = 512 * 1024;

  private final MemorySegment block = SMALL.take();
  private final MemorySegment errno = block.asSlice(0, Libc.CAPTURE_STATE);
  private long used = Libc.CAPTURE_STATE.byteSize();
  private @Nullable MemorySegment large;
  private long touched;
  private @Nullable Arena overflow;

  /// Makes a system call.
  ///
  /// @return what the kernel returned, or the negated errno
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

  /// Memory that is zero.
  @Override
  public MemorySegment allocate(long bytes, long alignment) {
    long at = (used + alignment - 1) & -alignment;
    if (at + bytes > block.byteSize()) {
      return overflow().allocate(bytes, alignment);
    }
    used = at + bytes;
    return block.asSlice(at, bytes).fill((byte) 0);
  }

  /// A little memory that is about to be overwritten, with whatever was in it.
  public MemorySegment buffer(long bytes, long alignment) {
    used = (used + alignment - 1) & -alignment;
    return buffer(bytes);
  }

  /// Memory for data that is about to be overwritten, with whatever was in it.
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

  /// Says how much of a buffer the kernel has written to, which may be far less than it could.
  public void filled(long bytes) {
    touched = bytes;
  }

  private Arena overflow() {
    if (overflow == null) {
      overflow = Arena.ofConfined();
    }
    return overflow;
  }

  /// A NUL-terminated copy.
  ///
  /// @throws IllegalArgumentException if the bytes hold a NUL, which the kernel would take for the
  ///   end
  public MemorySegment string(byte[] bytes) {
    PathBytes.withoutNul(bytes);
    var segment = allocate(bytes.length + 1L, 1);
    MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return segment;
  }

  public MemorySegment string(String text) {
    return string(PathBytes.encode(text));
  }

  /// An array of pointers with a null at its end, as `execve(2)` takes it.
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

  /// A `struct timeval`, of a microsecond at least: zero would mean without end.
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
