package dev.caisson.remote;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/// What a system call is made with, for whoever looks on.
public sealed interface Argument {
  /// A number.
  ///
  /// @param name what it stands for, if that is known: flags, `AT_FDCWD`
  record Word(long value, Optional<String> name) implements Argument {}

  /// A descriptor of the process, by its number there; -1 if it is not open.
  record Descriptor(int number) implements Argument {}

  /// A copy of memory of this JVM.
  ///
  /// @param bytes what is written before the call, read after it, or both
  /// @param in whether it is written before
  /// @param out whether it is read after
  /// @param pointers where there are addresses in it, of 8 bytes each: before the call they count
  ///   from the beginning of the bytes, after it they are what they are in the process
  /// @param meaning what it stands for, if that is known: a path, a string, a list of strings
  record Data(
      MemorySegment bytes, boolean in, boolean out, List<Long> pointers, Optional<Object> meaning)
      implements Argument {}

  /// Memory that the process and this JVM have in common.
  ///
  /// @param offset where in it the argument points
  record Shared(RemoteMemory memory, long offset) implements Argument {}
}
