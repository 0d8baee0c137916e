package dev.caisson.remote;

import java.io.IOException;

/// Stands between whoever asks for system calls in a process and the process: looks on, or makes
/// something else of them.
///
/// While a process has one, its batches are made call by call, so that each can be seen, and made
/// to fail, by itself.
///
/// Many threads may call it at once.
@FunctionalInterface
public interface Interceptor {
  /// A call is asked for.
  ///
  /// @param next makes it
  /// @return what it returns, or the negated errno; 0 if a program was executed
  long intercept(Call call, Next next) throws IOException;

  /// The way of a call from here on: the next interceptor, or the process.
  @FunctionalInterface
  interface Next {
    /// Makes the call.
    ///
    /// @return what it returns, or the negated errno
    /// @throws ConnectionLostException if there is no answer, nor will be
    /// @throws dev.caisson.linux.DeadlineException if there is none in time
    long make() throws IOException;
  }
}
