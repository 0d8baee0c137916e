package dev.caisson.stub;

import dev.caisson.remote.RemoteProcess;
import java.io.IOException;
import java.time.Duration;

/// The source of the invocations of stubs: a socket of this machine, or of another.
sealed interface StubSource extends AutoCloseable permits LocalStubSource, ForwardedStubSource {
  /// Waits for the next invocation.
  ///
  /// @throws dev.caisson.linux.DeadlineException if the deadline passes first
  /// @throws dev.caisson.remote.StubException if a peer is not a stub
  /// @throws IllegalStateException if this is closed before an invocation comes
  StubInvocation next(Duration deadline) throws IOException;

  /// Waits for the next invocation, and has a process make the handshake.
  StubInvocation next(RemoteProcess bootstrap, Duration deadline) throws IOException;

  /// Stops accepting. Invocations that were taken go on. Idempotent.
  @Override
  void close();
}
