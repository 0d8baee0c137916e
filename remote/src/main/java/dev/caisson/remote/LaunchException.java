package dev.caisson.remote;

import dev.caisson.linux.process.Exit;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// A command that was to start a stub did not: it ended without starting one, or its deadline
/// passed.
public final class LaunchException extends IOException {
  private static final long serialVersionUID = 1;

  private final transient Optional<Exit> exit;
  private final String output;

  LaunchException(List<String> command, Optional<Exit> exit, String output, IOException cause) {
    super(
        "%s %s%s%s"
            .formatted(
                String.join(" ", command),
                exit.map(end -> end + " without starting a stub")
                    .orElse("has not started a stub: " + cause.getMessage()),
                output.isEmpty() ? "" : "; its last output: ",
                output),
        cause);
    this.exit = exit;
    this.output = output;
  }

  /// How the command ended, if it has.
  public Optional<Exit> exit() {
    return exit;
  }

  /// The last of its output, at most 2000 bytes.
  public String output() {
    return output;
  }
}
