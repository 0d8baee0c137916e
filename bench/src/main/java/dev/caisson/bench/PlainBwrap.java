package dev.caisson.bench;

import dev.caisson.linux.Captured;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Memfd;
import dev.caisson.linux.Spawn;
import dev.caisson.linux.SpawnThread;
import dev.caisson.linux.SystemCallException;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// bubblewrap with the arguments of a run, by the quickest way to start a process and wait for it.
final class PlainBwrap implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofMinutes(1);

  private final List<String> line;
  private final Map<Integer, Fd> descriptors = new LinkedHashMap<>();

  /// @param command the command line of a run with the standard filter of system calls
  /// @param api in place of that run's directory of sockets
  PlainBwrap(List<String> command, Path api) throws SystemCallException {
    line = new ArrayList<>(command);
    line.set(line.indexOf("/run/osbuild/api") - 1, api.toString());
    int status = line.indexOf("--json-status-fd");
    line.subList(status, status + 2).clear();
    pass("--seccomp", SystemCallFilter.standard().program());
    pass("--ro-bind-data", "root=/dev/osbuild\n".getBytes(StandardCharsets.US_ASCII));
  }

  private void pass(String option, byte[] contents) throws SystemCallException {
    int number = Integer.parseInt(line.get(line.indexOf(option) + 1));
    descriptors.put(number, Memfd.sealed("bench", contents));
  }

  void run(SpawnThread thread) throws IOException {
    var spawn =
        Spawn.of(Path.of(line.getFirst()))
            .args(line.subList(1, line.size()))
            .env("PATH", "/usr/sbin:/usr/bin");
    for (var passed : descriptors.entrySet()) {
      passed.getValue().rewind();
      spawn.descriptor(passed.getKey(), passed.getValue());
    }
    var ended = Captured.run(spawn, thread, DEADLINE);
    if (!ended.exit().success()) {
      throw new IOException("bwrap failed: " + ended.errors());
    }
  }

  @Override
  public void close() {
    Fd.closeAll(descriptors.values());
  }
}
