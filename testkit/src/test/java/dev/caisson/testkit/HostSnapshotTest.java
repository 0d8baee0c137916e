package dev.caisson.testkit;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// A test must not restore what other test JVMs change meanwhile. One JVM once restored a limit of
/// another to "max", and the test of that other one filled the machine with processes.
class HostSnapshotTest {
  private static String group(String namespace) {
    return "/sys/fs/cgroup/pids/caisson-10013-3970560-" + namespace;
  }

  @Test
  void controlGroupsOfOtherJvmsAreRecognized() throws IOException {
    var own = Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString().replaceAll("\\D", "");
    assertTrue(HostSnapshot.ofAnotherJvm(group(own + "0") + "/faults/pids.max"));
    assertTrue(HostSnapshot.ofAnotherJvm(group(own + "0")));
    assertFalse(HostSnapshot.ofAnotherJvm(group(own) + "/faults/pids.max"));
    assertFalse(HostSnapshot.ofAnotherJvm("/sys/fs/cgroup/pids/pids.max"));
    assertFalse(HostSnapshot.ofAnotherJvm("/sys/fs/cgroup/caisson-1/pids.max"));
  }
}
