package dev.caisson.stub;

import java.io.IOException;

/// Is told of each call of a stub, before its handler is.
@FunctionalInterface
public interface InvocationListener {
  /// A stub has been called. One is told after the other, in the order of their numbers; handlers
  /// wait for it.
  ///
  /// @throws IOException if it cannot be taken note of; the handler is not called, as if it had
  ///   failed
  void called(RecordedInvocation call) throws IOException;
}
