package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// Persistent processes on another machine, for which an sshd on this machine stands.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.SSH})
@Timeout(180)
@Tag("slow")
class SshPersistenceTest extends BehindAnSshd {
  private Path socket() {
    return directory.resolve("socket");
  }

  private static void assertWorks(RemoteProcess process, int pid) throws Exception {
    assertThat(process.getpid()).isEqualTo(pid);
    try (var memory = process.allocate(100)) {
      memory.write(0, "written".getBytes(UTF_8));
      assertThat(memory.read(0, 7)).isEqualTo("written".getBytes(UTF_8));
    }
    try (var child = process.fork();
        var batch = child.process().batch()) {
      batch.getpid();
      batch.flush();
      assertThat(child.call(SystemCall.GETPPID).value()).isEqualTo(pid);
    }
  }

  @Test
  void aProcessIsReconnectedThroughTheSameSsh() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "contents");
    try (var there = start();
        var persistent = PersistentProcess.clone(there.process(), socket())) {
      var process = persistent.process();
      int pid = process.getpid();
      assertThat(pid).isEqualTo(process.pid()).isNotEqualTo(there.process().pid());
      try (var fd = process.openat(file)) {
        int before = PersistentProcessTest.open(process);
        for (int i = 0; i < 3; i++) {
          persistent.reconnect(there.process(), LONG);
          assertThat(process.pread64(fd, 100, 0)).isEqualTo("contents".getBytes(UTF_8));
          assertThat(PersistentProcessTest.open(process)).isEqualTo(before);
          assertWorks(process, pid);
        }
      }
    }
    assertThat(socket()).doesNotExist();
  }

  @Test
  void aProcessOutlivesItsSshAndIsReconnectedThroughAnother() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "contents");
    PersistentProcess persistent;
    RemoteFd kept;
    int pid;
    try (var first = start()) {
      persistent = PersistentProcess.clone(first.process(), socket());
      pid = persistent.process().pid();
      kept = persistent.process().openat(file);
      persistent.makePersistent(kept);
      assertWorks(persistent.process(), pid);
    }
    try (var second = start()) {
      assertThatThrownBy(persistent.process()::getpid).isInstanceOf(ConnectionLostException.class);
      persistent.reconnect(second.process(), LONG);
      assertThat(persistent.process().pread64(kept, 100, 0)).isEqualTo("contents".getBytes(UTF_8));
      kept.close();
      assertWorks(persistent.process(), pid);
      persistent.close();
      PersistentProcessTest.awaitEnd(pid);
      assertThat(socket()).doesNotExist();
    }
  }

  @Test
  void aProcessThatWasLeftIsFoundByAnotherController() throws Exception {
    int pid;
    try (var first = start()) {
      var persistent = PersistentProcess.clone(first.process(), socket());
      pid = persistent.process().pid();
      persistent.makePersistent();
      persistent.leave();
    }
    for (int i = 0; i < 2; i++) {
      try (var next = start()) {
        var found = PersistentProcess.connect(next.process(), socket(), LONG);
        assertThat(found.process().pid()).isEqualTo(pid);
        assertWorks(found.process(), pid);
        found.reconnect(next.process(), LONG);
        assertWorks(found.process(), pid);
        found.leave();
      }
    }
    try (var last = start()) {
      PersistentProcess.connect(last.process(), socket(), LONG).close();
      PersistentProcessTest.awaitEnd(pid);
      assertThat(socket()).doesNotExist();
      assertThatThrownBy(() -> PersistentProcess.connect(last.process(), socket(), LONG))
          .isInstanceOf(ProcessEndedException.class);
    }
  }

  @Test
  void aProcessEndsWithItsParentUntilMadePersistent() throws Exception {
    var there = start();
    var persistent = PersistentProcess.clone(there.process(), socket());
    int pid = persistent.process().pid();
    there.close();
    PersistentProcessTest.awaitEnd(pid);
    persistent.close();
    // The process is gone, so this test removes its socket.
    Files.delete(socket());
  }

  @Test
  void aReconnectionLeavesALongCall() throws Exception {
    try (var there = start();
        var threads = Executors.newVirtualThreadPerTaskExecutor();
        var persistent = PersistentProcess.clone(there.process(), socket())) {
      var process = persistent.process();
      int pid = process.pid();
      var pipe = process.pipe2();
      var reads = threads.submit(() -> process.read(pipe.getFirst(), 10));
      var syscall = Path.of("/proc/" + pid + "/syscall");
      var read = "%d 0x%x ".formatted(SystemCall.READ.number(), pipe.getFirst().number());
      Eventually.holds(() -> Files.readString(syscall).startsWith(read));
      // The process accepts a connection only after its call.
      assertThatThrownBy(
              () -> PersistentProcess.connect(there.process(), socket(), Duration.ofMillis(100)))
          .isInstanceOf(DeadlineException.class);
      Files.write(Path.of("/proc/%d/fd/%d".formatted(pid, pipe.getLast().number())), new byte[3]);
      persistent.reconnect(there.process(), LONG);
      assertThatThrownBy(reads::get).hasCauseInstanceOf(ConnectionLostException.class);
      assertWorks(process, pid);
    }
  }

  @Test
  void impossibleReconnectionsAreRefused() throws Exception {
    try (var there = start();
        var local = LocalProcess.start();
        var persistent = PersistentProcess.clone(there.process(), socket());
        var near = PersistentProcess.clone(local.process(), directory.resolve("near"))) {
      assertThatThrownBy(() -> persistent.reconnect(LONG))
          .isInstanceOf(OtherMachineException.class);
      assertThatThrownBy(() -> persistent.reconnect(local.process(), LONG))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> near.reconnect(there.process(), LONG))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> PersistentProcess.clone(there.process(), Path.of("relative")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("absolute");
      assertWorks(persistent.process(), persistent.process().pid());
      near.reconnect(local.process(), LONG);
      assertWorks(near.process(), near.process().pid());
    }
  }
}
