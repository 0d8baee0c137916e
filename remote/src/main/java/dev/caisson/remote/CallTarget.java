package dev.caisson.remote;

/// The process that a call is made in, for an [Interceptor].
///
/// Safe for many threads.
public interface CallTarget {
  /// Its id, as it knows it itself.
  int pid();

  /// Ends the connection to it, and with it the process. Idempotent. See [RemoteProcess#close()].
  void end();
}
