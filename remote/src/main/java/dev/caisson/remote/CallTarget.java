package dev.caisson.remote;

/// The process that a call is made in, for an [Interceptor].
///
/// Safe for many threads.
public interface CallTarget {
  /// The id of the process, as the process itself sees it.
  int pid();

  /// Ends the connection to the process, and with it the process. Idempotent. See
  /// [RemoteProcess#close()].
  void end();
}
