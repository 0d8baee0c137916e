package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// An ssh that runs in another process: on another machine, or in other namespaces.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.SSH})
@Timeout(180)
@Tag("slow")
class NestedSshTest extends BehindAnSshd {
  private static final Map<String, String> ENVIRONMENT =
      Map.of("PATH", "/usr/bin:/bin", "HOME", "/root");

  private static void awaitEnd(long pid) throws Exception {
    Eventually.holds(() -> !Files.exists(Path.of("/proc/" + pid)));
  }

  private static long descriptors(RemoteProcess process) throws IOException {
    try (var listing = process.openat(Path.of("/proc/self/fd"), OpenFlag.DIRECTORY)) {
      return process.getdents64(listing).size();
    }
  }

  private SshProcess nested(RemoteProcess from) throws Exception {
    return SshProcess.start(from, ENVIRONMENT, sshd.ssh(), LONG);
  }

  private void assertWorks(SshProcess there) throws Exception {
    var process = there.process();
    assertThat(process.getpid()).isEqualTo(process.pid());
    assertThat(there.environment())
        .containsKey("SSH_CONNECTION")
        .doesNotContainKeys("RSYSCALL_UNIX_STUB_SOCK_PATH", "CAISSON_STUB_SECRET");
    var file = directory.resolve("file-" + process.pid());
    try (var fd = process.openat(file, Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0600)) {
      process.write(fd, "hello".getBytes(UTF_8));
      assertThat(process.pread64(fd, 10, 0)).isEqualTo("hello".getBytes(UTF_8));
    }
    try (var child = process.fork()) {
      assertThat(child.call(SystemCall.GETPPID).value()).isEqualTo(process.pid());
    }
  }

  @Test
  void aRemoteProcessReachesAThirdMachine() throws Exception {
    try (var second = start()) {
      long before = descriptors(second.process());
      int pid;
      try (var third = nested(second.process())) {
        pid = third.process().pid();
        assertThat(pid).isNotEqualTo(second.process().pid());
        assertWorks(third);
        assertWorks(second);
        try (var fourth = nested(third.process())) {
          assertWorks(fourth);
          assertWorks(third);
        }
      }
      awaitEnd(pid);
      assertThat(descriptors(second.process())).isEqualTo(before);
      assertWorks(second);
    }
  }

  @Test
  void manyStartsRunWhileTheProcessMakesCalls() throws Exception {
    try (var second = start();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var all =
          List.of(1, 2, 3).stream()
              .map(any ->
                  threads.submit(() -> {
                    try (var third = nested(second.process())) {
                      assertWorks(third);
                    }
                    return null;
                  }))
              .toList();
      for (int i = 0; i < 20; i++) {
        try (var child = second.process().fork()) {
          assertThat(child.call(SystemCall.GETPPID).value()).isEqualTo(second.process().pid());
        }
      }
      for (var one : all) {
        one.get();
      }
    }
  }

  @Test
  void allProcessesEndWithTheStartingProcess() throws Exception {
    var second = start();
    try (var third = nested(second.process())) {
      int pid = third.process().pid();
      second.close();
      awaitEnd(pid);
      assertThatThrownBy(third.process()::getpid).isInstanceOf(ConnectionLostException.class);
    }
  }

  @Test
  void aLocalProcessStartsSshInItsNamespaces() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWNS, CloneFlag.NEWNET))) {
      long before = descriptors(child.process());
      try (var there = nested(child.process())) {
        assertWorks(there);
        // Its sshd runs in the same namespaces.
        for (var namespace : List.of("mnt", "net")) {
          var link = Path.of("/proc/self/ns", namespace);
          assertThat(there.process().readlinkat(link)).isEqualTo(child.readlinkat(link));
        }
      }
      assertThat(descriptors(child.process())).isEqualTo(before);
    }
  }

  @Test
  void failuresAreReported() throws Exception {
    try (var second = start()) {
      var from = second.process();
      long before = descriptors(from);
      assertThatThrownBy(() -> SshProcess.start(from, ENVIRONMENT, List.of("no-such-ssh"), LONG))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT))
          .hasMessageContainingAll("no-such-ssh", "/usr/bin:/bin");
      assertThatThrownBy(() ->
              SshProcess.start(from, ENVIRONMENT, List.of("sh", "-c", "echo no >&2; exit 3"), LONG))
          .isInstanceOfSatisfying(
              LaunchException.class,
              e -> {
                assertThat(e.output()).isEqualTo("no");
                assertThat(e).hasMessageContaining("status 3");
              });
      assertThatThrownBy(() ->
              SshProcess.start(
                  from, ENVIRONMENT, List.of("sh", "-c", "sleep 1000"), Duration.ofSeconds(1)))
          .isInstanceOf(LaunchException.class);
      assertThatThrownBy(() -> SshProcess.start(from, ENVIRONMENT, List.of(), LONG))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(descriptors(from)).isEqualTo(before);
    }
  }
}
