package dev.caisson.network.internal.proxy;

import java.time.Duration;

/// The limits of a [BrokerProxy].
///
/// @param connections the limit of clients served at once; a further client evicts one with an
///   incomplete request, or waits
/// @param request the time for a client to send its request
/// @param idle the time after which a connection without a byte in either direction is closed
public record ProxyLimits(int connections, Duration request, Duration idle) {
  /// 256 connections, 30 seconds, 15 minutes.
  public static final ProxyLimits DEFAULT =
      new ProxyLimits(256, Duration.ofSeconds(30), Duration.ofMinutes(15));

  /// @throws IllegalArgumentException if a limit is not positive
  public ProxyLimits {
    if (connections <= 0 || !request.isPositive() || !idle.isPositive()) {
      throw new IllegalArgumentException("a limit must be positive");
    }
  }
}
