package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.Message;
import dev.caisson.sandbox.cgroup.Cgroups;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Common parts of tests of single runs: a work directory for build roots, which must be empty
/// after each test, and a marker in command lines, by which leaked processes are found.
@ExtendWith(NoLeaks.class)
@Timeout(240)
abstract class SingleRuns {
  @TempDir Path work;

  @TempDir Path aside;

  final String marker = ProcessTable.marker();

  @AfterEach
  void nothingIsLeft() throws IOException {
    assertThat(ProcessTable.with(marker)).isEmpty();
    try (var left = Files.list(work)) {
      assertThat(left).isEmpty();
    }
    assertThat(Cgroups.detect().directories()).noneMatch(Files::exists);
  }

  BuildRoot buildRoot() throws IOException {
    return BuildRoot.create(Path.of("/"), work);
  }

  RunResult run(Run run) throws IOException {
    try (var buildRoot = buildRoot()) {
      return buildRoot.run(run.deadline(LONG));
    }
  }

  Run shell(String script) {
    return Run.of("/usr/bin/sh", "-c", script, marker).deadline(LONG);
  }

  static ApiEndpoint endpoint(String name) {
    return new ApiEndpoint() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public void message(Message message, EndpointConnection connection) {}
    };
  }
}
