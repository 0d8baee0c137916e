package dev.caisson.network.broker;

import java.time.Duration;

/// What a [Broker] gives at most.
///
/// @param connections how many there may be at once, those included that are being made
/// @param connect how long making one may take, the lookup of the name included
public record BrokerLimits(int connections, Duration connect) {
  /// 256 connections, half a minute.
  public static final BrokerLimits DEFAULT = new BrokerLimits(256, Duration.ofSeconds(30));

  /// Checks them.
  ///
  /// @throws IllegalArgumentException if one is not positive
  public BrokerLimits {
    if (connections <= 0 || !connect.isPositive()) {
      throw new IllegalArgumentException("a limit must be positive");
    }
  }
}
