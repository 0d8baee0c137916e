package dev.caisson.linux.internal;

import dev.caisson.linux.abi.SystemCall;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReferenceArray;

/// Blocks of memory outside the heap that are used again and again: asking for memory and having it
/// zeroed takes longer than most system calls.
///
/// The pool's size bounds what is kept, never what can be had. A page that nobody has touched costs
/// nothing, so a block may be larger than most of its users need.
public final class MemoryPool {
  private static final int PROBES = 8;
  private static final int READ_AND_WRITE = 1 | 2;
  private static final int PRIVATE_AND_ANONYMOUS = 0x2 | 0x20;
  private static final int NORESERVE = 0x4000;

  /// One for all, which is why all who use it hold the lock.
  private static final MemorySegment ERRNO = Arena.global().allocate(Libc.CAPTURE_STATE);

  private final long blockSize;
  private final AtomicReferenceArray<MemorySegment> free;

  /// @param blockSize in bytes; whole pages
  /// @param blocks how many are kept; a power of two
  MemoryPool(long blockSize, int blocks) {
    this.blockSize = blockSize;
    this.free = new AtomicReferenceArray<>(blocks);
  }

  long blockSize() {
    return blockSize;
  }

  /// A block with whatever was in it; it is the caller's until it is given back.
  MemorySegment take() {
    for (int i = 0; i < PROBES; i++) {
      var block = free.getAndSet(place(i), null);
      if (block != null) {
        return block;
      }
    }
    return mmap(blockSize);
  }

  void giveBack(MemorySegment block) {
    for (int i = 0; i < PROBES; i++) {
      if (free.compareAndSet(place(i), null, block)) {
        return;
      }
    }
    drop(block);
  }

  /// Gives a block back to the kernel.
  void drop(MemorySegment block) {
    munmap(block);
  }

  /// Where this thread looks: each at another place first, so that they seldom meet.
  private int place(int probe) {
    return (int) (Thread.currentThread().threadId() + probe) & (free.length() - 1);
  }

  // Restricted because the JVM cannot know how long the memory lives; it is this pool that does.
  @SuppressWarnings("restricted")
  private static synchronized MemorySegment mmap(long size) {
    long address =
        Libc.syscall(
            ERRNO,
            SystemCall.MMAP.number(),
            0,
            size,
            READ_AND_WRITE,
            PRIVATE_AND_ANONYMOUS | NORESERVE,
            -1,
            0);
    if (address == -1) {
      throw new OutOfMemoryError("mmap of %d bytes: errno %d".formatted(size, Libc.errno(ERRNO)));
    }
    return MemorySegment.ofAddress(address).reinterpret(size);
  }

  private static synchronized void munmap(MemorySegment block) {
    Libc.syscall(ERRNO, SystemCall.MUNMAP.number(), block.address(), block.byteSize(), 0, 0, 0, 0);
  }
}
