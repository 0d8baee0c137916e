package dev.caisson.sandbox;

import java.util.List;
import java.util.Map;

/// What would be executed for a run.
///
/// Immutable.
///
/// @param command the bubblewrap command line, each argument by itself; numbers of descriptors in
///   it are those that bubblewrap would get
/// @param environment all of the command's environment
/// @param enforced what would bind it, in words
public record RunPlan(
    List<String> command, Map<String, String> environment, List<String> enforced) {
  /// The same, and nobody can change it.
  public RunPlan {
    command = List.copyOf(command);
    environment = Map.copyOf(environment);
    enforced = List.copyOf(enforced);
  }
}
