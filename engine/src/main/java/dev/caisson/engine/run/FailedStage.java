package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Manifest.Stage;
import dev.caisson.linux.Fd;
import dev.caisson.sandbox.RunResult;
import java.io.IOException;
import java.util.List;

/// A failed stage, valid while its build root still exists.
///
/// Only for the thread of the build.
public interface FailedStage {
  /// The stage.
  Stage stage();

  /// The reason of the failure.
  String reason();

  /// Runs a command in the build root of the stage, in its tree, on a new terminal. Blocks until
  /// the command ends.
  ///
  /// @param input the source of the keys that are typed
  /// @param output the terminal's output
  RunResult run(List<String> argv, Fd input, Fd output) throws IOException;

  /// Handles a failed stage, for example by running a shell in it.
  @FunctionalInterface
  interface Handler {
    /// Does nothing.
    Handler NONE = stage -> {};

    /// Called on the thread of the build. The build continues when this returns.
    void handle(FailedStage stage) throws IOException;
  }
}
