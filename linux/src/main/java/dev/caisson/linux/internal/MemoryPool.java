package dev.caisson.linux.internal;

import dev.caisson.linux.abi.SystemCall;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReferenceArray;

/// A pool of native memory blocks for reuse: allocating and zeroing memory takes longer than most
/// system calls.
///
/// The pool's size limits the number of idle blocks, not of blocks in use. An untouched page costs
/// no memory, so a block may be larger than most users need.
public final class MemoryPool {
  private static final int PROBES = 8;
  private static final int READ_AND_WRITE = 1 | 2;
  private static final int PRIVATE_AND_ANONYMOUS = 0x2 | 0x20;
  private static final int NORESERVE = 0x4000;

  /// The shared errno of all calls, guarded by the lock of this class.
  private static final MemorySegment ERRNO = Arena.global().allocate(Libc.CAPTURE_STATE);

  private final long blockSize;
  private final AtomicReferenceArray<MemorySegment> free;

  /// @param blockSize in bytes, a multiple of the page size
  /// @param blocks the largest number of idle blocks, a power of two
  MemoryPool(long blockSize, int blocks) {
    this.blockSize = blockSize;
    this.free = new AtomicReferenceArray<>(blocks);
  }

  long blockSize() {
    return blockSize;
  }

  /// Takes a block, which contains arbitrary old bytes. The caller owns it until it calls
  /// [#giveBack] or [#drop].
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

  /// Unmaps a block.
  void drop(MemorySegment block) {
    munmap(block);
  }

  /// Returns a slot to probe. Each thread starts at another slot, which makes contention rare.
  private int place(int probe) {
    return (int) (Thread.currentThread().threadId() + probe) & (free.length() - 1);
  }

  // Restricted because the JVM cannot check the lifetime of the memory; this pool manages it.
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
