package dev.caisson.network.internal.proxy;

import java.time.Duration;

/// What a [BrokerProxy] gives each of those who connect to it.
///
/// @param connections how many are served at once; more of them wait, unless one of those has not
///   sent its whole request and is evicted
/// @param request how long they may take to say what they want
/// @param idle how long a connection may live on without a byte in either direction
public record ProxyLimits(int connections, Duration request, Duration idle) {
  /// 256 connections, 30 seconds, 15 minutes.
  public static final ProxyLimits DEFAULT =
      new ProxyLimits(256, Duration.ofSeconds(30), Duration.ofMinutes(15));

  /// @throws IllegalArgumentException if one is not positive
  public ProxyLimits {
    if (connections <= 0 || !request.isPositive() || !idle.isPositive()) {
      throw new IllegalArgumentException("a limit must be positive");
    }
  }
}
