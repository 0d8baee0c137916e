package dev.caisson.remote.uapi;

/// A resource limit of a process. See `getrlimit(2)`.
///
/// @param soft the limit in effect
/// @param hard up to which the process may raise the soft limit
public record Limit(long soft, long hard) {
  /// No limit.
  public static final long INFINITY = -1;
}
