package dev.caisson.remote;

import java.io.IOException;

/// Sees each system call before the process makes it: observes it, or replaces it.
///
/// While a process has an interceptor, its batches are made call by call, so that each call can be
/// seen, and made to fail, by itself.
///
/// Many threads may call it at once.
@FunctionalInterface
public interface Interceptor {
  /// Handles a requested call.
  ///
  /// @param next makes it
  /// @return what it returns, or the negated errno; 0 if a program was executed
  long intercept(Call call, Next next) throws IOException;

  /// The rest of a call's path: the next interceptor, or the process.
  @FunctionalInterface
  interface Next {
    /// Makes the call.
    ///
    /// @return what it returns, or the negated errno
    /// @throws ConnectionLostException if the connection is lost before the answer
    /// @throws dev.caisson.linux.DeadlineException if the answer does not come in time
    long make() throws IOException;
  }
}
