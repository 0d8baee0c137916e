package dev.caisson.service;

import java.util.Objects;
import tools.jackson.databind.JsonNode;

/// A message that a host or a service has sent, as a [MessageListener] sees it.
///
/// For many threads, as long as none changes the JSON.
///
/// @param direction which way it goes
/// @param json all of it, as on the wire: `{"type": ..., "data": ...}`
/// @param descriptors how many go with it
public record MessageEvent(Direction direction, JsonNode json, int descriptors) {
  /// A message.
  public MessageEvent {
    Objects.requireNonNull(direction, "direction");
    Objects.requireNonNull(json, "json");
  }

  /// Which way a message goes.
  public enum Direction {
    /// A request.
    TO_SERVICE,
    /// A signal or an answer.
    TO_HOST
  }
}
