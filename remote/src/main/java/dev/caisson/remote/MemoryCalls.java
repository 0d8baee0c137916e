package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.MADVISE;
import static dev.caisson.linux.abi.SystemCall.MMAP;
import static dev.caisson.linux.abi.SystemCall.MPROTECT;
import static dev.caisson.linux.abi.SystemCall.MUNMAP;

import dev.caisson.linux.Flag;
import dev.caisson.remote.internal.wire.CleanupCall;
import dev.caisson.remote.uapi.Advice;
import dev.caisson.remote.uapi.MapFlag;
import dev.caisson.remote.uapi.Protection;
import java.io.IOException;
import java.util.List;
import java.util.Set;

/// The calls for memory that the process has, and this JVM has not: addresses are numbers here.
/// What both have in common is [RemoteProcess#allocate].
///
/// A process shares its memory with its children, until they execute: what is mapped, or unmapped,
/// in one of them is so in all.
public interface MemoryCalls extends Caller {
  /// Maps new memory, full of zeros. See `mmap(2)`, MAP_ANONYMOUS.
  ///
  /// @param length in bytes; the kernel rounds it up to pages
  /// @param flags [MapFlag#SHARED] or [MapFlag#PRIVATE], and others
  /// @return its address
  default long mmap(long length, Set<Protection> protection, MapFlag... flags) throws IOException {
    return call(MMAP)
        .word(0)
        .word(length)
        .flags(protection)
        .flags(Flag.set(MapFlag.class, flags), Implied.ANONYMOUS)
        .word(-1)
        .word(0)
        .leaves(address -> List.of(CleanupCall.of(MUNMAP, address, length)))
        .value();
  }

  /// Maps a file. See `mmap(2)`.
  ///
  /// @param offset where in the file it begins, a multiple of the size of a page
  /// @param length in bytes; the kernel rounds it up to pages
  /// @param flags [MapFlag#SHARED] or [MapFlag#PRIVATE], and others
  /// @return its address
  default long mmap(
      RemoteFd file, long offset, long length, Set<Protection> protection, MapFlag... flags)
      throws IOException {
    return call(MMAP)
        .word(0)
        .word(length)
        .flags(protection)
        .flags(Flag.set(MapFlag.class, flags))
        .fd(file)
        .word(offset)
        .leaves(address -> List.of(CleanupCall.of(MUNMAP, address, length)))
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
  /// @param protection empty to forbid everything
  default void mprotect(long address, long length, Set<Protection> protection) throws IOException {
    call(MPROTECT).word(address).word(length).flags(protection).run();
  }

  /// Tells what memory is for, or no longer needed for. See `madvise(2)`.
  ///
  /// @param length in bytes
  default void madvise(long address, long length, Advice advice) throws IOException {
    call(MADVISE).word(address).word(length).named(advice.number(), advice).run();
  }
}
