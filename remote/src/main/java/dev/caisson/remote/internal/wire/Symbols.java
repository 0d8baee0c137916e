package dev.caisson.remote.internal.wire;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/// Where a stub has its functions, for children that it makes.
///
/// @param server serves one request at a time
/// @param persistentServer goes on with another connection when one ends
/// @param futexHelper ends when a word is cleared
/// @param trampoline where a child begins
/// @param serverAhead serves what has come at once; 0 if it does not speak the extension
public record Symbols(
    long server, long persistentServer, long futexHelper, long trampoline, long serverAhead) {
  /// Reads them from a description.
  ///
  /// @param head begins with the others
  public static Symbols of(MemorySegment head, long serverAhead) {
    return new Symbols(
        head.get(JAVA_LONG_UNALIGNED, 0),
        head.get(JAVA_LONG_UNALIGNED, 8),
        head.get(JAVA_LONG_UNALIGNED, 16),
        head.get(JAVA_LONG_UNALIGNED, 24),
        serverAhead);
  }
}
