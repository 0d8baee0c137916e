package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Exit;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Processes started by commands that pass their standard input on.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class CommandProcessTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  @Test
  void aShellPassesItsStandardInputOn() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "contents");
    try (var local = LocalProcess.start(List.of("sh", "-c", "A=b exec \"$0\""), LONG);
        var here = Fd.open(file)) {
      var process = local.process();
      assertThat(process.getpid()).isEqualTo(process.pid());
      var stub = process.readlinkat(Path.of("/proc/self/exe")).replace(" (deleted)", "");
      assertThat(Path.of(stub).getParent()).doesNotExist();
      assertThat(local.environment())
          .containsEntry("A", "b")
          .containsEntry("PATH", System.getenv("PATH"));
      try (var there = process.give(here);
          var back = process.take(there)) {
        assertThat(process.read(there, 100)).isEqualTo("contents".getBytes(UTF_8));
        assertThat(back.isOpen()).isTrue();
      }
      for (int i = 0; i < 3; i++) {
        assertThat(process.readlinkat(Path.of("/proc/self/fd/" + i))).isEqualTo("/dev/null");
      }
      try (var child = process.fork()) {
        child.execve(Path.of("/bin/sh"), List.of("sh", "-c", "exit 7"), local.environment());
        assertThat(child.waitid(LONG))
            .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(7));
      }
      process.exitGroup(3);
      assertThat(local.waitid(LONG))
          .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(3));
    }
  }

  @Test
  void theProcessCanBelongToAnotherUser() throws Exception {
    var command = List.of("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups");
    try (var local = LocalProcess.start(command, LONG)) {
      var process = local.process();
      assertThat(process.getuid()).isEqualTo(65534);
      assertThat(process.getgid()).isEqualTo(65534);
      assertThatThrownBy(() -> process.openat(Path.of("/etc/shadow")))
          .hasMessageContaining("EACCES");
    }
  }

  @Test
  void theProcessCanBeRootInItsOwnNamespaceBelowAWaitingCommand() throws Exception {
    var command = List.of("env", "B=c", "unshare", "-r", "--pid", "--fork");
    try (var local = LocalProcess.start(command, LONG)) {
      var process = local.process();
      assertThat(process.getuid()).isZero();
      assertThat(process.getpid()).isEqualTo(1);
      assertThat(local.environment()).containsEntry("B", "c");
      assertThatThrownBy(() -> local.waitid(Duration.ofMillis(1)))
          .isInstanceOf(DeadlineException.class);
      try (var child = process.fork()) {
        assertThat(child.getpid()).isEqualTo(2);
        child.process().exitGroup(0);
        assertThat(child.waitid(LONG).success()).isTrue();
      }
      process.exitGroup(5);
      assertThat(local.waitid(LONG))
          .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(5));
    }
  }

  @Test
  void aCommandThatEndsWithoutAStubIsReportedWithItsStatus() {
    var command = List.of("sh", "-c", "echo $0 no such luck >&2; exit 9");
    assertThatThrownBy(() -> LocalProcess.start(command, LONG))
        .isInstanceOfSatisfying(
            LaunchException.class,
            e -> {
              assertThat(e.exit())
                  .get()
                  .isInstanceOfSatisfying(
                      Exit.Exited.class, exit -> assertThat(exit.status()).isEqualTo(9));
              assertThat(e.output()).endsWith(" no such luck");
              assertThat(Path.of(e.output().split(" ", -1)[0]).getParent()).doesNotExist();
            })
        .hasMessageContaining("no such luck");
    assertThatThrownBy(() -> LocalProcess.start(List.of("sh", "-c", "kill -9 $$"), LONG))
        .isInstanceOfSatisfying(
            LaunchException.class,
            e ->
                assertThat(e.exit())
                    .get()
                    .isInstanceOfSatisfying(
                        Exit.Signalled.class,
                        exit -> assertThat(exit.signal()).isEqualTo(Signal.KILL)));
    FileCallsTest.assertRefused(
        () -> LocalProcess.start(List.of("no-such-program"), LONG), Errno.ENOENT);
  }

  @Test
  void aCommandThatTimesOutIsKilledWithItsChildren() throws Exception {
    var pid = directory.resolve("pid");
    var command = List.of("sh", "-c", "sleep 1000 & echo $! > " + pid + "; wait");
    assertThatThrownBy(() -> LocalProcess.start(command, Duration.ofSeconds(1)))
        .isInstanceOfSatisfying(LaunchException.class, e -> assertThat(e.exit()).isEmpty())
        .hasRootCauseInstanceOf(DeadlineException.class);
    var sleeper = Path.of("/proc", Files.readString(pid).strip(), "cmdline");
    // Its parent is killed, too, so another process has to reap it.
    Eventually.holds(() -> !Files.exists(sleeper) || read(sleeper).isEmpty());
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException gone) {
      return "";
    }
  }

  @Test
  void theProcessEndsWithItsConnection() throws Exception {
    try (var local = LocalProcess.start(List.of("env"), LONG)) {
      local.process().close();
      assertThat(local.waitid(LONG))
          .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(1));
      assertThat(Map.copyOf(local.environment())).doesNotContainKey("CAISSON_STUB_FD");
    }
  }

  @Test
  void anEmptyCommandIsRefused() {
    assertThatThrownBy(() -> LocalProcess.start(List.of(), LONG))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> SshProcess.start(List.of(), LONG))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
