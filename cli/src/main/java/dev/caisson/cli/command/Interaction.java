package dev.caisson.cli.command;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.tty.Terminal;
import java.util.List;
import java.util.Optional;

/// The terminal of a user, to which a command in a sandbox can be connected.
///
/// @param input the standard input
/// @param output the standard output
public record Interaction(Fd input, Fd output) {
  /// An interactive shell for a user who inspects a sandbox: bash, or sh without bash.
  public static final List<String> SHELL =
      List.of("sh", "-c", "if command -v bash > /dev/null; then exec bash -i; else exec sh -i; fi");

  /// Returns the terminal if both standard input and standard output are one. The JVM still owns
  /// the streams: the caller does not close the descriptors.
  public static Optional<Interaction> standard() {
    try {
      var input = Fd.adopt(0);
      var output = Fd.adopt(1);
      return Terminal.of(input).isatty() && Terminal.of(output).isatty()
          ? Optional.of(new Interaction(input, output))
          : Optional.empty();
    } catch (SystemCallException closed) {
      return Optional.empty();
    }
  }
}
