package dev.caisson.engine.spi;

import java.io.IOException;

/// A stage: it changes a tree.
///
/// Safe for many threads: several builds may run it at once.
public non-sealed interface StageModule extends BuildModule {
  /// Changes the tree. The logic runs in the JVM of the host. All effects come from commands that
  /// it runs in the build root ([StageContext#run]).
  ///
  /// @throws StageException if the stage fails; its message is shown to the user
  void run(StageContext context) throws IOException;
}
