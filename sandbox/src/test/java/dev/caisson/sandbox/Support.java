package dev.caisson.sandbox;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.Spawn;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// Common parts of the tests of this package.
final class Support {
  /// Far more than any step needs; a test that waits this long hangs.
  static final Duration LONG = Duration.ofSeconds(60);

  /// A deadline that is expected to pass.
  static final Duration SHORT = Duration.ofSeconds(1);

  private Support() {}

  static JsonNode json(String text) throws IOException {
    return Json.within(Limits.DEFAULT).parse(text.getBytes(StandardCharsets.UTF_8));
  }

  /// Opens a pidfd of each live process.
  static List<Fd> hold(Set<Long> pids) throws IOException {
    var held = new ArrayList<Fd>();
    for (long pid : pids) {
      Processes.pidfdOpen(Math.toIntExact(pid)).ifPresent(held::add);
    }
    return held;
  }

  static void awaitEnds(List<Fd> held) throws IOException {
    for (var process : held) {
      try (process) {
        Processes.awaitEnd(process, LONG);
      }
    }
  }

  /// The bytes of a buffer.
  static byte[] bytes(ByteBuffer buffer) {
    var bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return bytes;
  }

  /// Makes a FIFO, through which a process reports something.
  static Path fifo(Path directory, String name) throws IOException {
    var path = directory.resolve(name);
    program("/usr/bin/mkfifo", "-m", "666", path.toString());
    return path;
  }

  /// Runs a program of the host that must succeed, and returns its output.
  static String program(String executable, String... args) throws IOException {
    var spawn = Spawn.of(Path.of(executable)).args(args).env("LC_ALL", "C.UTF-8");
    var result = CommandOutput.run(spawn, LONG);
    if (!result.exit().success()) {
      throw new IOException(executable + ": " + result.errors());
    }
    return result.output();
  }

  /// Waits for a line in a FIFO, and returns it.
  static String awaitLine(Path fifo) throws IOException {
    // Read-write, so that neither open nor the wait sees an end of the file.
    try (var fd = Fd.open(fifo, OpenFlag.RDWR, OpenFlag.NONBLOCK)) {
      var text = new StringBuilder();
      var buffer = new byte[256];
      while (text.indexOf("\n") < 0) {
        fd.await(Set.of(PollEvent.IN), LONG, "a line in a FIFO");
        int count = fd.read(buffer, 0, buffer.length);
        text.append(new String(buffer, 0, count, StandardCharsets.UTF_8));
      }
      return text.toString().strip();
    }
  }
}
