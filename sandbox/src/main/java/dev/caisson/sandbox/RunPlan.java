package dev.caisson.sandbox;

import java.util.List;
import java.util.Map;

/// The description of what a run would execute.
///
/// Immutable.
///
/// @param command the bubblewrap command line, one element for each argument, with the numbers that
///   descriptors would have in bubblewrap
/// @param environment the complete environment of the command
/// @param enforced the confinement that would be enforced, in words
public record RunPlan(
    List<String> command, Map<String, String> environment, List<String> enforced) {
  /// Copies the collections.
  public RunPlan {
    command = List.copyOf(command);
    environment = Map.copyOf(environment);
    enforced = List.copyOf(enforced);
  }
}
