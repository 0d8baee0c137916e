package dev.caisson.remote.uapi;

/// How much of something a process may have. See `getrlimit(2)`.
///
/// @param soft what holds now
/// @param hard how far the process may raise that
public record Limit(long soft, long hard) {
  /// No limit.
  public static final long INFINITY = -1;
}
