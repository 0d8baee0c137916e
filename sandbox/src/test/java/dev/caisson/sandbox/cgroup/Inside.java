package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.Fd;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.SpawnThread;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Programs in cgroups, for the tests.
final class Inside {
  static final Duration LONG = Duration.ofSeconds(60);

  static final String FORK_BOMB =
      """
      import os, time
      os.setsid()
      while True:
        try:
          os.fork()
        except OSError:
          time.sleep(0.001)
      """;

  private Inside() {}

  static Child python(Cgroup cgroup, String script) throws IOException {
    try (var nothing = Fd.nullDevice()) {
      return cgroup.start(
          cgroup
              .spawn(Path.of("/usr/bin/python3"))
              .args("-c", script)
              .descriptor(0, nothing)
              .descriptor(1, nothing)
              .descriptor(2, nothing),
          SpawnThread.shared());
    }
  }

  static List<String> processes(Cgroup cgroup) throws IOException {
    return Files.readAllLines(
        GroupDirectories.members(cgroup.directories().getFirst()).resolve("cgroup.procs"));
  }

  /// The directories of this JVM in the hierarchies; none if all cgroups are closed.
  static List<Path> left(Cgroups cgroups) {
    var left = new ArrayList<>(cgroups.directories());
    left.removeIf(directory -> !Files.exists(directory));
    return left;
  }

  /// A query of the kernel.
  interface Look {
    boolean seen() throws IOException;
  }

  static void await(Look look) throws Exception {
    var deadline = dev.caisson.linux.Deadline.in(LONG);
    while (!look.seen()) {
      if (deadline.expired()) {
        throw deadline.exception("something in a cgroup");
      }
      Thread.sleep(1);
    }
  }
}
