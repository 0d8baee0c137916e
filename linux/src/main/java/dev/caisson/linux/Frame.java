package dev.caisson.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;

/// The scratch memory of one system call: its structs, its strings and the errno it leaves.
///
/// Confined to the calling thread and freed with the frame, so that nothing of one call is seen by
/// another, on virtual threads too.
final class Frame implements AutoCloseable, SegmentAllocator {
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment errno = arena.allocate(Libc.CAPTURE_STATE);

  /// Makes a system call.
  ///
  /// @return what the kernel returned, or the negated errno
  long call(Nr nr, long a, long b, long c, long d, long e, long f) {
    long result = Libc.syscall(errno, nr.number(), a, b, c, d, e, f);
    return result == -1 ? -Libc.errno(errno) : result;
  }

  long call(Nr nr, long a, long b, long c, long d, long e) {
    return call(nr, a, b, c, d, e, 0);
  }

  long call(Nr nr, long a, long b, long c, long d) {
    return call(nr, a, b, c, d, 0, 0);
  }

  long call(Nr nr, long a, long b, long c) {
    return call(nr, a, b, c, 0, 0, 0);
  }

  long call(Nr nr, long a, long b) {
    return call(nr, a, b, 0, 0, 0, 0);
  }

  long call(Nr nr, long a) {
    return call(nr, a, 0, 0, 0, 0, 0);
  }

  @Override
  public MemorySegment allocate(long bytes, long alignment) {
    return arena.allocate(bytes, alignment);
  }

  /// A NUL-terminated copy.
  ///
  /// @throws IllegalArgumentException if the bytes hold a NUL, which the kernel would take for the
  ///   end
  MemorySegment string(byte[] bytes) {
    for (byte b : bytes) {
      if (b == 0) {
        throw new IllegalArgumentException("a string for the kernel cannot hold a NUL byte");
      }
    }
    var segment = arena.allocate(bytes.length + 1L);
    MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return segment;
  }

  MemorySegment string(String text) {
    return string(PathBytes.encode(text));
  }

  /// An array of pointers with a null at its end, as `execve(2)` takes it.
  MemorySegment strings(Iterable<String> texts) {
    var pointers = new java.util.ArrayList<MemorySegment>();
    for (var text : texts) {
      pointers.add(string(text));
    }
    var array = arena.allocate(ValueLayout.ADDRESS, pointers.size() + 1L);
    for (int i = 0; i < pointers.size(); i++) {
      array.setAtIndex(ValueLayout.ADDRESS, i, pointers.get(i));
    }
    return array;
  }

  @Override
  public void close() {
    arena.close();
  }
}
