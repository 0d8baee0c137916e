package dev.caisson.remote;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/// An argument of a system call, as an interceptor sees it.
public sealed interface Argument {
  /// A number.
  ///
  /// @param name what it stands for, if known: flags, `AT_FDCWD`
  record Word(long value, Optional<String> name) implements Argument {}

  /// A descriptor of the process, by its number there; -1 if it is not open.
  record Descriptor(int number) implements Argument {}

  /// A copy of memory of this JVM.
  ///
  /// @param bytes written before the call, read after it, or both
  /// @param in whether the bytes are written before the call
  /// @param out whether the bytes are read after the call
  /// @param pointers the offsets of the 8-byte addresses in the bytes: before the call they hold
  ///   offsets into the bytes, after it addresses in the process
  /// @param meaning what it stands for, if known: a path, a string, a list of strings
  record Data(
      MemorySegment bytes, boolean in, boolean out, List<Long> pointers, Optional<Object> meaning)
      implements Argument {}

  /// Memory that the process and this JVM share.
  ///
  /// @param offset where in the memory the argument points
  record Shared(RemoteMemory memory, long offset) implements Argument {}
}
