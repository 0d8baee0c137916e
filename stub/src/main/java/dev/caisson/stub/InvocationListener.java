package dev.caisson.stub;

import java.io.IOException;

/// Hears of each invocation of a stub, before its handler does.
///
/// Called by many threads, one at a time.
@FunctionalInterface
public interface InvocationListener {
  /// A stub has been invoked. One is told after the other, in the order of their numbers; handlers
  /// wait for it.
  ///
  /// @throws IOException if it cannot be taken note of; the handler is not called, as if it had
  ///   failed
  void invoked(RecordedInvocation invocation) throws IOException;
}
