package dev.caisson.cli.command;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.tty.Terminal;
import java.util.List;
import java.util.Optional;

/// Somebody at a terminal, with whom a command in a sandbox can be brought together.
///
/// @param input the standard input
/// @param output the standard output
public record Interaction(Fd input, Fd output) {
  /// What is run for whoever wants to look around.
  public static final List<String> SHELL =
      List.of("sh", "-c", "if command -v bash > /dev/null; then exec bash -i; else exec sh -i; fi");

  /// There is one if both ends are a terminal. The JVM keeps its standard streams all the same.
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
