package dev.caisson.sandbox.cgroup;

import static dev.caisson.sandbox.cgroup.Inside.LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@Requires({Need.CGROUP, Need.PYTHON})
@ExtendWith(NoLeaks.class)
class CgroupTest {
  private Cgroups cgroups;

  @BeforeEach
  void detect() throws IOException {
    cgroups = Cgroups.detect();
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(Inside.left(cgroups)).isEmpty();
  }

  @Test
  void aProcessAboveTheMemoryLimitIsKilledAndCounted() throws IOException {
    var limits = ResourceLimits.none().memory(ByteSize.mib(64));
    if (cgroups.obstacle(Resource.SWAP).isEmpty()) {
      limits = limits.swap(ByteSize.ZERO);
    }
    try (var cgroup = cgroups.create("memory", limits);
        var eater = Inside.python(cgroup, "a = [b'x' * 2**20 for i in range(10**6)]")) {
      assertThat(eater.waitid(LONG))
          .isInstanceOfSatisfying(
              Exit.Signalled.class, exit -> assertThat(exit.signal()).isEqualTo(Signal.KILL));
      var usage = cgroup.usage();
      assertThat(usage.oomKills()).isEqualTo(1);
      assertThat(usage.peakMemory().orElseThrow()).isBetween(60L << 20, 64L << 20);
      assertThat(usage.userCpu().plus(usage.systemCpu())).isPositive();
    }
  }

  @Test
  void aForkBombIsContainedAndItsRefusalsAreCounted() throws Exception {
    try (var cgroup = cgroups.create("pids", ResourceLimits.none().pids(20));
        var bomb = Inside.python(cgroup, Inside.FORK_BOMB)) {
      Inside.await(() -> cgroup.usage().pidsRefused() > 5);
      assertThat(Inside.processes(cgroup).size()).isBetween(2, 20);
      assertThat(cgroup.usage().peakPids().orElse(20)).isEqualTo(20);
      cgroup.kill();
      assertThat(Inside.processes(cgroup)).isEmpty();
      assertThat(bomb.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
    }
  }

  @Test
  void killEndsAForkBombWithoutALimitOfProcesses() throws Exception {
    // The bomb ends by itself, to protect the machine.
    var script =
        """
        import os, time
        os.setsid()
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
  void withoutAFreezerProcessesAreKilledUntilNoneIsLeft() throws Exception {
    try (var cgroup = cgroups.create("loop", ResourceLimits.none().pids(30));
        var bomb = Inside.python(cgroup, Inside.FORK_BOMB)) {
      Inside.await(() -> cgroup.usage().pidsRefused() > 5);
      var directories = new ArrayList<>(cgroup.directories());
      directories.removeIf(one -> Files.exists(one.resolve("freezer.state")));
      Killing.kill(directories, dev.caisson.linux.Deadline.in(LONG));
      assertThat(Inside.processes(cgroup)).isEmpty();
      assertThat(bomb.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
    }
  }

  @Test
  void processorTimeIsLimited() throws Exception {
    try (var cgroup = cgroups.create("cpu", ResourceLimits.none().cpus(0.2));
        var spinner = Inside.python(cgroup, "while True: pass")) {
      var stat =
          cgroup.directories().stream()
              .map(directory -> directory.resolve("cpu.stat"))
              .filter(Files::exists)
              .findFirst()
              .orElseThrow();
      long start = System.nanoTime();
      Inside.await(() -> ControlFile.entry(stat, "nr_throttled").orElse(0) >= 10);
      var wall = Duration.ofNanos(System.nanoTime() - start);
      var usage = cgroup.usage();
      assertThat(usage.userCpu().plus(usage.systemCpu()))
          .isPositive()
          .isLessThan(wall.dividedBy(2));
      spinner.kill(Signal.KILL);
    }
  }

  @Test
  void enforcedLimitsAreReadBack() throws IOException {
    var limits = ResourceLimits.none().memory(ByteSize.bytes((64 << 20) + 1)).pids(20).cpus(0.5);
    try (var cgroup = cgroups.create("all", limits)) {
      assertThat(cgroup.enforced()).isEqualTo(limits.memory(ByteSize.mib(64)));
      assertThat(cgroups.directories()).allMatch(Files::isDirectory);
    }
    if (cgroups.obstacle(Resource.SWAP).isEmpty()) {
      try (var cgroup = cgroups.create("swap", limits.swap(ByteSize.mib(1)))) {
        assertThat(cgroup.enforced().swap().orElseThrow()).isEqualTo(ByteSize.mib(1));
      }
    }
  }

  @Test
  void theGroupWithTheLimitsHasNoProcessItself() throws Exception {
    try (var cgroup = cgroups.create("levels", ResourceLimits.none().pids(5));
        var child = Inside.python(cgroup, "import time; time.sleep(1000)")) {
      for (var directory : cgroup.directories()) {
        assertThat(Files.readAllLines(directory.resolve("cgroup.procs"))).isEmpty();
        assertThat(Files.readAllLines(GroupDirectories.members(directory).resolve("cgroup.procs")))
            .containsExactly(Integer.toString(child.pid()));
      }
    }
  }

  @Test
  void aRunningProcessIsAdded() throws IOException {
    var sleeping = Spawn.of(Path.of("/usr/bin/sleep")).args("1000");
    try (var cgroup = cgroups.create("added", ResourceLimits.none().pids(20));
        var sleeper = sleeping.start()) {
      cgroup.add(sleeper.pid());
      for (var directory : cgroup.directories()) {
        assertThat(Files.readAllLines(GroupDirectories.members(directory).resolve("cgroup.procs")))
            .containsExactly(Integer.toString(sleeper.pid()));
      }
      cgroup.kill();
      assertThat(sleeper.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
      cgroup.add(sleeper.pid());
      assertThatThrownBy(() -> cgroup.add((int) ProcessHandle.current().pid()))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void theStartingThreadComesBack() throws IOException {
    var before = threadCgroup();
    try (var cgroup = cgroups.create("thread", ResourceLimits.none());
        var done = Inside.python(cgroup, "pass")) {
      assertThat(threadCgroup()).isEqualTo(before);
      assertThatThrownBy(
              () -> cgroup.start(Spawn.of(Path.of("/no/such")), SpawnThread.shared()).close())
          .isInstanceOf(SystemCallException.class);
      assertThat(threadCgroup()).isEqualTo(before);
      assertThat(done.waitid(LONG).success()).isTrue();
    }
  }

  private static String threadCgroup() throws SystemCallException {
    return SpawnThread.shared()
        .call(() -> {
          var bytes = new byte[4096];
          try (var fd = Fd.open(Path.of("/proc/thread-self/cgroup"))) {
            return new String(
                bytes, 0, fd.read(bytes, 0, bytes.length), java.nio.charset.StandardCharsets.UTF_8);
          }
        });
  }

  @Test
  void closingKillsTheMembers() throws Exception {
    var cgroup = cgroups.create("closed", ResourceLimits.none().pids(50));
    try (var bomb = Inside.python(cgroup, Inside.FORK_BOMB)) {
      Inside.await(() -> cgroup.usage().pidsRefused() > 0);
      Thread.currentThread().interrupt();
      cgroup.close();
      assertThat(Thread.interrupted()).isTrue();
      assertThat(cgroup.directories()).noneMatch(Files::exists);
      assertThat(bomb.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
    }
    cgroup.close();
    cgroup.kill();
    assertThatThrownBy(() -> cgroup.add(1)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void cgroupsInCgroupsAreRemovedToo() throws IOException {
    try (var cgroup = cgroups.create("deep", ResourceLimits.none())) {
      for (var directory : cgroup.directories()) {
        Files.createDirectories(directory.resolve("a/b"));
      }
    }
  }

  @Test
  void aNameIsUnique() throws IOException {
    try (var cgroup = cgroups.create("same", ResourceLimits.none())) {
      assertThatThrownBy(() -> cgroups.create("same", ResourceLimits.none()))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("of this name exists already");
      assertThat(cgroup.directories()).allMatch(Files::isDirectory);
    }
    for (var name : List.of("", ".", "..", "a/b", "pids.max", "a\nb")) {
      assertThatThrownBy(() -> cgroups.create(name, ResourceLimits.none()))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aRefusedLimitIsNamedAndLeavesNothing() throws IOException {
    // More than the kernel can count.
    var limits = ResourceLimits.none().memory(ByteSize.mib(64)).pids(Integer.MAX_VALUE);
    assertThatThrownBy(() -> cgroups.create("refused", limits))
        .isInstanceOf(ResourceLimitException.class)
        .hasMessageStartingWith("cannot limit pids to 2147483647 processes: cannot write")
        .hasMessageContaining("pids.max: EINVAL (Invalid argument)");
    assertThat(Inside.left(cgroups)).isEmpty();
    try (var cgroup = cgroups.create("effort", limits.bestEffort())) {
      assertThat(cgroup.enforced())
          .isEqualTo(ResourceLimits.none().memory(ByteSize.mib(64)).bestEffort());
    }
  }

  @Test
  void manyCgroupsAreMadeAndRemovedAtOnce() throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var all = new ArrayList<Callable<Boolean>>();
      for (int i = 0; i < 8; i++) {
        var name = "many-" + i;
        all.add(() -> {
          for (int round = 0; round < 50; round++) {
            try (var cgroup = cgroups.create(name, ResourceLimits.none().pids(20))) {
              assertThat(cgroup.enforced().pids()).hasValue(20);
            }
          }
          return true;
        });
      }
      for (var done : threads.invokeAll(all)) {
        assertThat(done.get()).isTrue();
      }
    }
  }

  @Test
  void aKilledJvmsCgroupsAreSwept() throws Exception {
    var command = dev.caisson.testkit.Programs.java(Victim.class);
    var victim = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try (var output = victim.inputReader()) {
      var pid = Integer.parseInt(Optional.ofNullable(output.readLine()).orElseThrow());
      var directories = new ArrayList<Path>();
      for (var path : Optional.ofNullable(output.readLine()).orElseThrow().split(",", -1)) {
        directories.add(Path.of(path));
      }
      assertThat(directories).isNotEmpty().allMatch(Files::isDirectory);
      try (var sleeper = Processes.pidfdOpen(pid).orElseThrow()) {
        assertThat(cgroups.sweep())
            .as("the cgroup of a live JVM")
            .doesNotContainAnyElementsOf(directories);
        victim.destroyForcibly().waitFor();
        assertThat(directories).allMatch(Files::isDirectory);
        assertThat(cgroups.sweep()).containsAll(directories);
        Processes.awaitEnd(sleeper, LONG);
      }
      assertThat(directories).noneMatch(Files::exists);
    } finally {
      dev.caisson.testkit.Programs.end(victim);
    }
  }

  @Test
  void aReusedPidProtectsNothing() throws IOException {
    var self = Owner.self();
    var reused = new Owner(self.pid(), self.start() - 1, self.namespace());
    var foreign = new Owner(self.pid(), self.start() - 1, self.namespace() + 1);
    var own = cgroups.directories().getFirst().getParent();
    var removed = Files.createDirectories(own.resolve(reused.name()).resolve("x"));
    var kept = Files.createDirectory(own.resolve(foreign.name()));
    var strange = Files.createDirectory(own.resolve("caisson-1-2"));
    try {
      assertThat(cgroups.sweep()).contains(removed.getParent()).doesNotContain(kept, strange);
      assertThat(removed.getParent()).doesNotExist();
      assertThat(kept).exists();
      assertThat(strange).exists();
    } finally {
      Files.delete(kept);
      Files.delete(strange);
    }
  }

  /// Makes a cgroup with a process in it, prints both, and waits to be killed.
  static final class Victim {
    private Victim() {}

    public static void main(String... args) throws Exception {
      var cgroups = Cgroups.detect();
      var cgroup = cgroups.create("left", ResourceLimits.none().pids(20));
      var child =
          cgroup.start(cgroup.spawn(Path.of("/usr/bin/sleep")).args("1000"), SpawnThread.shared());
      System.out.println(child.pid());
      System.out.println(
          String.join(
              ",",
              cgroups.directories().stream().filter(Files::exists).map(Path::toString).toList()));
      Thread.sleep(Duration.ofMinutes(10));
    }
  }
}
