package dev.caisson.linux.tty;

import dev.caisson.linux.Fd;
import dev.caisson.linux.process.Spawn;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// Runs a program on a pseudo-terminal, relayed to the terminal of this program.
final class RelayedProgram {
  private RelayedProgram() {}

  public static void main(String[] args) throws IOException {
    var program = Spawn.of(Path.of(args[0])).args(List.of(args).subList(1, args.length));
    try (var relay = TerminalRelay.of(Fd.adopt(0), Fd.adopt(1));
        var child = program.env("PATH", "/usr/bin:/bin").controllingTerminal(relay.pty()).start()) {
      relay.start();
      child.waitid(Duration.ofMinutes(10));
      relay.finish(Duration.ofMinutes(1));
    }
  }
}
