package dev.caisson.testkit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;

/// The processes that `/proc` shows. See `proc(5)`.
public final class ProcessTable {
  private ProcessTable() {}

  /// A unique text. A command line that contains it identifies a process and the processes that it
  /// forks.
  public static String marker() {
    return "marker-" + UUID.randomUUID();
  }

  /// The ids of all processes, including those in PID namespaces below this one.
  public static Set<Long> pids() throws IOException {
    var pids = new HashSet<Long>();
    try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (var entry : entries) {
        pids.add(Long.parseLong(String.valueOf(entry.getFileName())));
      }
    }
    return pids;
  }

  /// The ids of the processes whose command line contains a text.
  public static Set<Long> with(String text) throws IOException {
    var found = new HashSet<Long>();
    for (long pid : pids()) {
      if (commandLine(pid).contains(text)) {
        found.add(pid);
      }
    }
    return found;
  }

  /// The arguments of a process, each followed by a NUL; empty if it has ended.
  public static String commandLine(long pid) {
    try {
      var file = Path.of("/proc", Long.toString(pid), "cmdline");
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException ended) {
      return "";
    }
  }

  /// Waits until no command line contains a text.
  public static void awaitNone(String text) {
    Eventually.holds(() -> with(text).isEmpty(), () -> "no process with " + text);
  }
}
