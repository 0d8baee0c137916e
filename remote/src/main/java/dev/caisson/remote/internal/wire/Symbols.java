package dev.caisson.remote.internal.wire;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/// The addresses of a stub's functions, for children that it makes.
///
/// @param server serves one request at a time
/// @param persistentServer accepts another connection when one ends
/// @param futexHelper exits when a word is cleared
/// @param trampoline where a child starts
/// @param serverAhead serves all requests that have come; 0 if the stub does not support the
///   extension
public record Symbols(
    long server, long persistentServer, long futexHelper, long trampoline, long serverAhead) {
  /// Reads the addresses from a description.
  ///
  /// @param head starts with the other four
  public static Symbols of(MemorySegment head, long serverAhead) {
    return new Symbols(
        head.get(JAVA_LONG_UNALIGNED, 0),
        head.get(JAVA_LONG_UNALIGNED, 8),
        head.get(JAVA_LONG_UNALIGNED, 16),
        head.get(JAVA_LONG_UNALIGNED, 24),
        serverAhead);
  }
}
