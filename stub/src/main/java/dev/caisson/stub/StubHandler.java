package dev.caisson.stub;

/// The action of a stub. Called once for each invocation, on a new thread.
@FunctionalInterface
public interface StubHandler {
  /// Handles an invocation. The caller closes the invocation afterwards, and the process exits,
  /// unless it has [executed another program][StubInvocation#execve].
  ///
  /// @return the exit status of the process, of which the lowest eight bits count; ignored if the
  ///   process has exited by itself, or executed another program
  /// @throws Exception if the handler fails; the process exits with 1, and [Stubs#close()] reports
  ///   the exception
  int handle(StubInvocation invocation) throws Exception;
}
