package dev.caisson.service;

import java.util.Objects;
import tools.jackson.databind.JsonNode;

/// A message that a host or a service has sent, as a [MessageListener] sees it.
///
/// Safe for many threads, as long as none of them changes the JSON.
///
/// @param direction the side that the message goes to
/// @param json the whole message, as on the wire: `{"type": ..., "data": ...}`
/// @param descriptors how many descriptors go with the message
public record MessageEvent(Direction direction, JsonNode json, int descriptors) {
  /// A message.
  public MessageEvent {
    Objects.requireNonNull(direction, "direction");
    Objects.requireNonNull(json, "json");
  }

  /// The side that a message goes to.
  public enum Direction {
    /// A request.
    TO_SERVICE,
    /// A signal or an answer.
    TO_HOST
  }
}
