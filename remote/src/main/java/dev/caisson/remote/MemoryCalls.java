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

/// The calls for memory that this JVM does not share: addresses are numbers. For shared memory, see
/// [RemoteProcess#allocate].
///
/// A process shares its memory with its children until they execute a program: a mapping made or
/// removed in one is made or removed in all.
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
  /// @param offset in the file, a multiple of the page size
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

  /// Unmaps memory that [#mmap] has mapped; the process needs all other memory itself. See
  /// `munmap(2)`.
  ///
  /// @param length in bytes
  default void munmap(long address, long length) throws IOException {
    call(MUNMAP).word(address).word(length).run();
  }

  /// Sets the protection of memory. See `mprotect(2)`.
  ///
  /// @param length in bytes
  /// @param protection empty to forbid every access
  default void mprotect(long address, long length, Set<Protection> protection) throws IOException {
    call(MPROTECT).word(address).word(length).flags(protection).run();
  }

  /// Advises the kernel about the use of memory. See `madvise(2)`.
  ///
  /// @param length in bytes
  default void madvise(long address, long length, Advice advice) throws IOException {
    call(MADVISE).word(address).word(length).named(advice.number(), advice).run();
  }
}
