package dev.caisson.network.broker;

import java.time.Duration;

/// The limits of a [Broker].
///
/// @param connections the limit of simultaneous connections, including pending ones
/// @param connect the timeout for making a connection, including the lookup of the name
public record BrokerLimits(int connections, Duration connect) {
  /// 256 connections, 30 seconds.
  public static final BrokerLimits DEFAULT = new BrokerLimits(256, Duration.ofSeconds(30));

  /// @throws IllegalArgumentException if a limit is not positive
  public BrokerLimits {
    if (connections <= 0 || !connect.isPositive()) {
      throw new IllegalArgumentException("a limit must be positive");
    }
  }
}
