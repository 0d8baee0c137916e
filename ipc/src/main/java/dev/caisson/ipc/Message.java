package dev.caisson.ipc;

import dev.caisson.linux.Fd;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// What was received: a JSON value, and the descriptors that came with it.
///
/// It owns the descriptors: one that is wanted is moved out ([Fd#move()]), and closing the message
/// closes the rest.
///
/// @param value the value; JSON's null is a value, too
/// @param descriptors in the order in which they were sent
public record Message(JsonNode value, List<Fd> descriptors) implements AutoCloseable {
  /// Closes the descriptors that nobody has moved out.
  @Override
  public void close() {
    Fd.closeAll(descriptors);
  }
}
