package dev.caisson.service;

import dev.caisson.linux.Fd;
import java.util.List;
import java.util.Objects;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// What a method of a service returns: a JSON value and descriptors.
///
/// It owns the descriptors. A service gives them away with it; a caller closes it, or moves out
/// what it wants.
///
/// @param value the value, which may be JSON's null
/// @param descriptors 252 at most
public record Reply(JsonNode value, List<Fd> descriptors) implements AutoCloseable {
  /// Takes over the descriptors.
  public Reply {
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(descriptors, "descriptors");
  }

  /// A reply without descriptors.
  public static Reply of(JsonNode value) {
    return new Reply(value, List.of());
  }

  /// A reply that says only that it is done.
  public static Reply none() {
    return of(JsonNodeFactory.instance.nullNode());
  }

  /// Closes the descriptors that nobody has moved out.
  @Override
  public void close() {
    Fd.closeAll(descriptors);
  }
}
