package dev.caisson.sandbox.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Decisions about layouts of version 2, with trees of files that imitate them.
class Version2Test {
  private static final long PID = ProcessHandle.current().pid();

  @TempDir Path work;
  private Path own;

  @BeforeEach
  void aDelegatedCgroup() throws IOException {
    own = Files.createDirectories(work.resolve("top/app.scope"));
    file("cgroup.procs", "");
    file("cgroup.type", "domain");
    file("cgroup.controllers", "cpu io memory pids");
    file("cgroup.subtree_control", "cpu memory pids");
    file("memory.max", "max");
    file("memory.swap.max", "max");
  }

  private void file(String name, String text) throws IOException {
    Files.writeString(own.resolve(name), text + "\n");
  }

  private Cgroups detect() throws IOException {
    return detect("/app.scope");
  }

  private Cgroups detect(String path) throws IOException {
    var point = path.equals("/") ? own : own.getParent();
    return Cgroups.detect(
        Files.writeString(
            work.resolve("mountinfo"), "31 23 0:28 / " + point + " rw - cgroup2 none rw\n"),
        Files.writeString(work.resolve("cgroup"), "0::" + path + "\n"));
  }

  @Test
  void enabledControllersCanBeLimited() throws IOException {
    for (var resource : Resource.values()) {
      assertThat(detect().obstacle(resource)).as("%s", resource).isEmpty();
    }
  }

  @Test
  void aControllerThatIsNotDelegatedIsNamed() throws IOException {
    file("cgroup.controllers", "memory pids");
    assertThat(detect().obstacle(Resource.CPU).orElseThrow())
        .startsWith("the controller cpu is not delegated to " + own)
        .contains("systemd-run", "Delegate=yes");
    assertThat(detect().obstacle(Resource.MEMORY)).isEmpty();
  }

  @Test
  void anEmptyCgroupMayEnableControllers() throws IOException {
    file("cgroup.subtree_control", "");
    assertThat(detect().obstacle(Resource.MEMORY)).isEmpty();
  }

  @Test
  void otherProcessesInTheCgroupAreAnObstacle() throws IOException {
    file("cgroup.subtree_control", "memory");
    file("cgroup.procs", PID + "\n1");
    assertThat(detect().obstacle(Resource.PIDS).orElseThrow())
        .contains("other processes share " + own, "a cgroup of its own", "systemd-run");
    assertThat(detect().obstacle(Resource.MEMORY)).isEmpty();
  }

  @Test
  void aCgroupOfAnotherManagerIsNotTouched() throws IOException {
    file("cgroup.subtree_control", "");
    file("cgroup.procs", Long.toString(PID));
    var obstacle = detect().obstacle(Resource.MEMORY);
    if (dev.caisson.linux.process.Processes.geteuid() == 0) {
      assertThat(obstacle.orElseThrow()).contains("is not delegated to this process");
    } else {
      assertThat(obstacle).isEmpty();
    }
    // A container owns its cgroup.
    assertThat(detect("/").obstacle(Resource.MEMORY)).isEmpty();
  }

  @Test
  void theRootMayHaveProcessesAndControllers() throws IOException {
    Files.delete(own.resolve("cgroup.type"));
    file("cgroup.subtree_control", "");
    file("cgroup.procs", PID + "\n1\n2");
    assertThat(detect("/").obstacle(Resource.MEMORY)).isEmpty();
  }

  @Test
  void aCgroupOfThreadsCannotHaveLimitsOfMemory() throws IOException {
    file("cgroup.subtree_control", "");
    file("cgroup.type", "threaded");
    assertThat(detect().obstacle(Resource.MEMORY).orElseThrow()).contains("threads (threaded)");
  }

  @Test
  void missingSwapAccountingIsReported() throws IOException {
    Files.delete(own.resolve("memory.swap.max"));
    assertThat(detect().obstacle(Resource.SWAP).orElseThrow()).contains("swapaccount=1");
    assertThat(detect().obstacle(Resource.MEMORY)).isEmpty();
  }

  @Test
  void aProcessThatHasMovedIntoItsChildIsFound() throws IOException {
    var directories = detect().directories();
    var self = Files.createDirectories(directories.getFirst().resolve("jvm.self"));
    Files.createFile(self.resolve("cgroup.procs"));
    var path = "/" + work.resolve("top").relativize(self);
    assertThat(detect(path).directories()).isEqualTo(directories);
  }

  @Test
  void aFailedLimitLeavesNothing() throws IOException {
    assertThatThrownBy(() -> detect().create("a", ResourceLimits.none().pids(20)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cgroup.subtree_control: ENOENT (No such file or directory)");
    file("cgroup.controllers", "");
    file("cgroup.subtree_control", "");
    assertThatThrownBy(() -> detect().create("a", ResourceLimits.none().memory(ByteSize.mib(64))))
        .isInstanceOf(ResourceLimitException.class)
        .hasMessageStartingWith("cannot limit memory to 67108864 bytes: the controller memory");
    assertThat(GroupDirectories.children(own)).isEmpty();
  }

  @Test
  void aMachineWithoutCgroupsSaysWhatToDo() throws IOException {
    var empty = Files.writeString(work.resolve("empty"), "");
    var cgroups = Cgroups.detect(empty, empty);
    for (var resource : Resource.values()) {
      assertThat(cgroups.obstacle(resource).orElseThrow()).contains("is not mounted", "mount it");
    }
    assertThatThrownBy(() -> cgroups.create("a", ResourceLimits.none()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no cgroup can be made");
    try (var nowhere = cgroups.create("a", ResourceLimits.none().pids(20).bestEffort())) {
      assertThat(nowhere.enforced().resources()).isEmpty();
      assertThat(nowhere.usage()).isEqualTo(ResourceUsage.NONE);
      nowhere.kill();
    }
    assertThat(cgroups.directories()).isEmpty();
    assertThat(cgroups.sweep()).isEmpty();
  }
}
