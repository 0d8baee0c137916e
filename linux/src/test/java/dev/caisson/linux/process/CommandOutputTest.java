package dev.caisson.linux.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Timeout(120)
class CommandOutputTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  private static Spawn sh(String script) {
    return Spawn.of(Path.of("/bin/sh")).args("-c", script).env("PATH", "/usr/bin:/bin");
  }

  @Test
  void theExitAndBothStreamsAreReturned() throws IOException {
    var captured = CommandOutput.run(sh("echo out; echo err >&2; exit 4"), LONG);
    assertThat(captured.output()).isEqualTo("out\n");
    assertThat(captured.errors()).isEqualTo("err\n");
    assertThat(captured.exit()).hasToString("exited with status 4");
  }

  @Test
  void theStandardInputIsEmpty() throws IOException {
    var captured = CommandOutput.run(Spawn.of(Path.of("/bin/cat")), LONG);
    assertThat(captured.exit().success()).isTrue();
    assertThat(captured.output()).isEmpty();
    assertThat(captured.errors()).isEmpty();
  }

  @Test
  void largeOutputsDoNotBlockEachOther() throws IOException {
    var captured =
        CommandOutput.run(
            sh("head -c 1000000 /dev/zero & head -c 1000000 /dev/zero >&2; wait"), LONG);
    assertThat(captured.exit().success()).isTrue();
    assertThat(captured.output()).hasSize(1_000_000);
    assertThat(captured.errors()).hasSize(1_000_000);
  }

  @Test
  void outputBeyondTheLimitIsReadAndDropped() throws IOException {
    var captured = CommandOutput.run(sh("head -c 17000000 /dev/zero; echo end >&2"), LONG);
    assertThat(captured.exit().success()).isTrue();
    assertThat(captured.output()).hasSize(16 << 20);
    assertThat(captured.errors()).isEqualTo("end\n");
  }

  @Test
  void aCommandThatDoesNotEndIsKilledAtTheDeadline() {
    assertThatThrownBy(() -> CommandOutput.run(sh("sleep 1000"), Duration.ofMillis(100)))
        .isInstanceOf(DeadlineException.class)
        .hasMessageContaining("sleep 1000");
  }

  @Test
  void anInterruptKillsTheCommandWithItsGroup() throws Exception {
    var file = directory.resolve("pid");
    var script =
        "sleep 1000 & echo $! > " + file + ".part; mv " + file + ".part " + file + "; wait";
    var running =
        Background.start(() -> {
          assertThatThrownBy(() -> CommandOutput.run(sh(script), LONG))
              .isInstanceOf(InterruptedIOException.class);
          return Thread.currentThread().isInterrupted();
        });
    Eventually.holds(() -> Files.exists(file));
    int grandchild = Integer.parseInt(Files.readString(file).strip());
    try (var pidfd = Processes.pidfdOpen(grandchild).orElseThrow()) {
      running.interrupt();
      assertThat(running.get()).isTrue();
      Processes.awaitEnd(pidfd, LONG);
    }
  }

  @Test
  void anOrphanDoesNotDelayTheResult() throws IOException {
    var captured = CommandOutput.run(sh("sleep 1000 & echo $!"), LONG);
    assertThat(captured.exit().success()).isTrue();
    try (var pidfd =
        Processes.pidfdOpen(Integer.parseInt(captured.output().strip())).orElseThrow()) {
      Processes.pidfdSendSignal(pidfd, Signal.KILL);
      Processes.awaitEnd(pidfd, LONG);
    }
  }

  @Test
  void aCommandMayLeadASession() throws IOException {
    var captured = CommandOutput.run(sh("echo hello").newSession(), LONG);
    assertThat(captured.output()).isEqualTo("hello\n");
  }

  @Test
  @Requires(Need.ROOT)
  void aCommandMayRunWithPrivateMounts() throws IOException {
    try (var thread = SpawnThread.withPrivateMounts()) {
      thread.call(() -> {
        Mounts.mount("none", directory, "tmpfs", Set.of(), "");
        return true;
      });
      var script = sh("touch " + directory + "/inside; ls -A " + directory);
      assertThat(CommandOutput.run(script, thread, LONG).output()).isEqualTo("inside\n");
      assertThat(directory).isEmptyDirectory();
    }
  }

  @Test
  void aCommandThatCannotBeExecutedLeaksNothing() {
    assertThatThrownBy(() -> CommandOutput.run(Spawn.of(directory.resolve("none")), LONG))
        .isInstanceOf(SystemCallException.class);
  }
}
