package dev.caisson.remote;

import static dev.caisson.linux.SystemCall.MADVISE;
import static dev.caisson.linux.SystemCall.MMAP;
import static dev.caisson.linux.SystemCall.MPROTECT;
import static dev.caisson.linux.SystemCall.MUNMAP;

import java.io.IOException;
import java.util.List;

/// The calls for memory that the process has, and this JVM has not: addresses are numbers here.
/// What both have in common is [RemoteProcess#allocate].
///
/// A process shares its memory with its children, until they execute: what is mapped, or unmapped,
/// in one of them is so in all.
public interface MemoryCalls extends Caller {
  /// Maps new memory, full of zeros. See `mmap(2)`, MAP_ANONYMOUS.
  ///
  /// @param length in bytes; the kernel rounds it up to pages
  /// @param protection PROT_READ (1), PROT_WRITE (2), PROT_EXEC (4)
  /// @param flags MAP_SHARED (1) or MAP_PRIVATE (2), MAP_POPULATE (0x8000)
  /// @return its address
  default long mmap(long length, int protection, int flags) throws IOException {
    return call(MMAP)
        .word(0)
        .word(length)
        .word(protection)
        .word(flags | Implied.ANONYMOUS.bit())
        .word(-1)
        .word(0)
        .leaves(address -> List.of(Errand.of(MUNMAP, address, length)))
        .value();
  }

  /// Maps a file. See `mmap(2)`.
  ///
  /// @param offset where in the file it begins, a multiple of the size of a page
  /// @param length in bytes; the kernel rounds it up to pages
  /// @param protection PROT_READ (1), PROT_WRITE (2), PROT_EXEC (4)
  /// @param flags MAP_SHARED (1) or MAP_PRIVATE (2), MAP_POPULATE (0x8000)
  /// @return its address
  default long mmap(RemoteFd file, long offset, long length, int protection, int flags)
      throws IOException {
    return call(MMAP)
        .word(0)
        .word(length)
        .word(protection)
        .word(flags)
        .fd(file)
        .word(offset)
        .leaves(address -> List.of(Errand.of(MUNMAP, address, length)))
        .value();
  }

  /// Unmaps memory: only what [#mmap] has mapped, for the process needs all else. See `munmap(2)`.
  ///
  /// @param length in bytes
  default void munmap(long address, long length) throws IOException {
    call(MUNMAP).word(address).word(length).run();
  }

  /// Sets what may be done with memory. See `mprotect(2)`.
  ///
  /// @param length in bytes
  /// @param protection PROT_READ (1), PROT_WRITE (2), PROT_EXEC (4)
  default void mprotect(long address, long length, int protection) throws IOException {
    call(MPROTECT).word(address).word(length).word(protection).run();
  }

  /// Tells what memory is for, or no longer needed for. See `madvise(2)`.
  ///
  /// @param length in bytes
  /// @param advice MADV_DONTNEED (4), MADV_REMOVE (9), ...
  default void madvise(long address, long length, int advice) throws IOException {
    call(MADVISE).word(address).word(length).word(advice).run();
  }
}
