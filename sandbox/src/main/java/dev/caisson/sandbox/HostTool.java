package dev.caisson.sandbox;

import dev.caisson.linux.Captured;
import dev.caisson.linux.Spawn;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/// Programs of the host that are run for their answer, with all that the host has, but not longer
/// than the JVM lives: bubblewrap ties them to it, so that a JVM that is killed leaves nothing
/// running.
public final class HostTool {
  private HostTool() {}

  /// Runs a program to its end.
  ///
  /// @param argv its name, looked for on the PATH, and its arguments
  /// @param environment all of its environment
  /// @throws IOException if bubblewrap is missing
  /// @throws dev.caisson.linux.DeadlineException if it takes longer; it is killed then
  public static Captured run(List<String> argv, Map<String, String> environment, Duration deadline)
      throws IOException {
    var spawn =
        Spawn.of(Bubblewrap.require())
            .args("--die-with-parent", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc")
            .args("--")
            .args(argv)
            .env(environment);
    return Captured.run(spawn, deadline);
  }
}
