package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest.Stage;
import dev.caisson.linux.Fd;
import dev.caisson.sandbox.RunResult;
import java.io.IOException;
import java.util.List;

/// A stage that has failed, as long as its build root is still there with all that it saw.
///
/// For the thread of the build.
public interface FailedStage {
  /// Which one.
  Stage stage();

  /// Why it failed.
  String reason();

  /// Runs a command where the stage ran, in its tree, at a terminal of its own. Blocks until it
  /// ends.
  ///
  /// @param input where keys come from
  /// @param output where the screen is
  RunResult run(List<String> argv, Fd input, Fd output) throws IOException;

  /// Decides what is done with a stage that has failed, such as to run a shell in it.
  @FunctionalInterface
  interface Handler {
    /// Does nothing.
    Handler NONE = stage -> {};

    /// Called on the thread of the build, which goes on when this returns.
    void handle(FailedStage stage) throws IOException;
  }
}
