package dev.caisson.service;

import java.util.Objects;
import tools.jackson.databind.JsonNode;

/// A message that passes between a host and a service.
///
/// @param direction whereto
/// @param json all of it, as on the wire: `{"type": ..., "data": ...}`
/// @param descriptors how many go with it
public record PassingMessage(Direction direction, JsonNode json, int descriptors) {
  /// A message.
  public PassingMessage {
    Objects.requireNonNull(direction, "direction");
    Objects.requireNonNull(json, "json");
  }

  /// Whereto a message goes.
  public enum Direction {
    /// A call.
    TO_SERVICE,
    /// A signal or an answer.
    TO_HOST
  }
}
