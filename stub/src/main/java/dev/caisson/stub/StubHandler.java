package dev.caisson.stub;

/// What a program does that others launch: invoked once for each time, on a thread of its own.
@FunctionalInterface
public interface StubHandler {
  /// Does what the caller has asked for. The invocation is closed afterwards, and the process
  /// exits, unless it has [become another program][StubInvocation#execve].
  ///
  /// @return what the process exits with, of which the lowest eight bits count; nobody sees it if
  ///   it has exited by itself, or become another program
  /// @throws Exception if it cannot; the process exits with 1, and [Stubs#close()] tells of it
  int handle(StubInvocation invocation) throws Exception;
}
