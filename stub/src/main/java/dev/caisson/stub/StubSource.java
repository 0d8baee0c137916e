package dev.caisson.stub;

import dev.caisson.remote.RemoteProcess;
import java.io.IOException;
import java.time.Duration;

/// Where the invocations of stubs come from: a socket of this machine, or of another.
sealed interface StubSource extends AutoCloseable permits LocalStubSource, ForwardedStubSource {
  /// Waits for the next invocation.
  ///
  /// @throws dev.caisson.linux.DeadlineException if none comes in time
  /// @throws dev.caisson.remote.StubException if a peer has connected that is not a stub
  /// @throws IllegalStateException if this is closed, or has been meanwhile
  StubInvocation next(Duration deadline) throws IOException;

  /// Waits for the next invocation, and has a process make its handshake.
  StubInvocation next(RemoteProcess bootstrap, Duration deadline) throws IOException;

  /// Accepts no more. Calls that were taken go on. Idempotent.
  @Override
  void close();
}
