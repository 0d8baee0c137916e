package dev.caisson.stub;

import java.io.IOException;

/// Receives each invocation of a stub, before its handler.
///
/// Called on many threads, one at a time.
@FunctionalInterface
public interface InvocationListener {
  /// Receives an invocation. The calls are made one after the other, in the order of the
  /// invocations' numbers; handlers wait for them.
  ///
  /// @throws IOException if the invocation cannot be recorded; the handler is not called, and the
  ///   invocation counts as failed
  void invoked(RecordedInvocation invocation) throws IOException;

  /// Whether the invocations of a stub are to be recorded with their standard input. It is then
  /// read to its end, at most 16 MiB, before the handler runs, and the handler reads a copy. The
  /// standard input of a terminal is never read.
  ///
  /// @param name the name of the stub
  default boolean wantsInput(String name) {
    return false;
  }
}
