package dev.caisson.engine.spi;

import java.io.IOException;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// A stage: it changes a tree.
///
/// Safe for many threads: several builds may run it at once.
public non-sealed interface StageModule extends BuildModule {
  /// Changes the tree. The logic runs in the JVM of the host. All effects come from commands that
  /// it runs in the build root ([StageContext#run]).
  ///
  /// @throws StageException if the stage fails; its message is shown to the user
  void run(StageContext context) throws IOException;

  /// Explains why this process cannot run the stage, such as the lack of root's rights. A build
  /// asks before it fetches anything.
  ///
  /// @param options the options of the stage
  /// @return the reason and the remedy; empty if the stage can run, or if only a try can tell
  default Optional<Obstacle> obstacle(JsonNode options) {
    return Optional.empty();
  }

  /// What keeps a stage from running.
  ///
  /// @param reason what is missing
  /// @param remedy what the user can do, as a sentence without its end
  record Obstacle(String reason, String remedy) {}
}
