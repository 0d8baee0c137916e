package dev.caisson.engine.spi;

import java.io.IOException;

/// A stage: it changes a tree.
///
/// Safe for many threads: several builds may run it at once.
public non-sealed interface StageModule extends BuildModule {
  /// Changes the tree. The logic runs here, in the JVM of the host; the effects are those of the
  /// commands that it runs in the build root ([StageContext#run]).
  ///
  /// @throws StageException if it cannot; what it says is what the user reads
  void run(StageContext context) throws IOException;
}
