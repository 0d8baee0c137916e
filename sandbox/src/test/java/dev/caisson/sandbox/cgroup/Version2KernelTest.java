package dev.caisson.sandbox.cgroup;

import static dev.caisson.sandbox.cgroup.Inside.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Spawn;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Version 2 with the real kernel, with or without controllers.
@Requires({Need.CGROUP2, Need.PYTHON})
@ExtendWith(NoLeaks.class)
class Version2KernelTest {
  @TempDir Path work;
  private Cgroups cgroups;

  @BeforeEach
  void versionTwoAlone() throws IOException {
    var mounts =
        Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
            .filter(line -> line.contains(" - cgroup2 "))
            .toList();
    cgroups =
        Cgroups.detect(
            Files.write(work.resolve("mountinfo"), mounts), Path.of("/proc/self/cgroup"));
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(Inside.left(cgroups)).isEmpty();
  }

  @Test
  void aProcessStartsInItAndIsKilled() throws Exception {
    try (var cgroup = cgroups.create("started", ResourceLimits.none());
        var spinner = Inside.python(cgroup, "while True: pass")) {
      Inside.await(() -> !Inside.processes(cgroup).isEmpty());
      assertThat(Inside.processes(cgroup)).containsExactly(Integer.toString(spinner.pid()));
      Inside.await(() -> cgroup.usage().userCpu().isPositive());
      cgroup.kill();
      assertThat(spinner.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
    }
  }

  @Test
  void aProcessIsAddedAndKilledWithItsCgroup() throws IOException {
    var sleeping = Spawn.of(Path.of("/usr/bin/sleep")).args("1000");
    try (var sleeper = sleeping.start()) {
      try (var cgroup = cgroups.create("added", ResourceLimits.none())) {
        cgroup.add(sleeper.pid());
        assertThat(Inside.processes(cgroup)).containsExactly(Integer.toString(sleeper.pid()));
      }
      assertThat(sleeper.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
    }
  }

  @Test
  void aForkBombIsKilledWithItsCgroup() throws Exception {
    var script =
        """
        import os, time
        for i in range(4):
          os.fork()
        while True:
          if os.fork() == 0:
            continue
          os._exit(0)
        """;
    try (var cgroup = cgroups.create("bomb", ResourceLimits.none());
        var bomb = Inside.python(cgroup, script)) {
      bomb.waitid(LONG);
      Inside.await(() -> !Inside.processes(cgroup).isEmpty());
      cgroup.kill();
      assertThat(Inside.processes(cgroup)).isEmpty();
    }
  }

  @Test
  void aProcessThatCannotEnterTheCgroupNeverRuns() throws IOException {
    var trace = work.resolve("trace");
    var cgroup = cgroups.create("closed", ResourceLimits.none());
    cgroup.directories().stream()
        .map(GroupDirectories::members)
        .forEach(GroupDirectories::tryRemove);
    try (cgroup;
        var child = Inside.python(cgroup, "open('" + trace + "', 'w')")) {
      assertThat(child.waitid(LONG).success()).isFalse();
    }
    assertThat(trace).doesNotExist();
  }
}
