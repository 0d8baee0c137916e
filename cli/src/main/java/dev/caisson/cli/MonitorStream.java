package dev.caisson.cli;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// Where a monitor writes to: the standard output, or a descriptor that the caller of the command
/// has opened.
final class MonitorStream {
  private MonitorStream() {}

  static PrintStream open(Terminal terminal, Optional<Integer> fd)
      throws UsageException, IOException {
    if (fd.isEmpty()) {
      return terminal.out();
    }
    try {
      return new PrintStream(
          new FileOutputStream("/proc/self/fd/" + fd.get()), true, StandardCharsets.UTF_8);
    } catch (java.io.FileNotFoundException notOpen) {
      throw new UsageException(
          "--monitor-fd: the descriptor " + fd.get() + " cannot be written to");
    }
  }
}
