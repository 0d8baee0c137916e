package dev.caisson.linux.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Signal;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early and twice on purpose
class ChildTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  private static Spawn sh(String script) {
    return Spawn.of(Path.of("/bin/sh")).args("-c", script).env("PATH", "/usr/bin:/bin");
  }

  private static Child sleeping() throws IOException {
    return Spawn.of(Path.of("/bin/sleep")).args("1000").start();
  }

  private static void assertSignalled(Exit exit, Signal signal) {
    assertThat(exit)
        .isInstanceOfSatisfying(
            Exit.Signalled.class, signalled -> assertThat(signalled.signal()).isEqualTo(signal));
    assertThat(exit.success()).isFalse();
  }

  @Test
  void theExitStatusIsReported() throws IOException {
    try (var good = sh("exit 0").start();
        var bad = sh("exit 255").start()) {
      assertThat(good.waitid(LONG).success()).isTrue();
      var exit = bad.waitid(LONG);
      assertThat(exit.success()).isFalse();
      assertThat(exit).hasToString("exited with status 255");
      assertThat(bad.waitid(LONG)).isSameAs(exit);
      assertThat(bad.poll()).containsSame(exit);
    }
  }

  @Test
  void theEndingSignalIsReported() throws IOException {
    try (var child = sh("kill -TERM $$").start()) {
      var exit = child.waitid(LONG);
      assertSignalled(exit, Signal.TERM);
      assertThat(exit).hasToString("was ended by SIGTERM");
    }
    try (var child = sleeping()) {
      assertThat(child.poll()).isEmpty();
      child.kill(new Signal(10));
      assertSignalled(child.waitid(LONG), new Signal(10));
    }
  }

  @Test
  void aFastExitingProcessIsReaped() throws IOException {
    for (int i = 0; i < 200; i++) {
      try (var child = Spawn.of(Path.of("/bin/true")).start()) {
        assertThat(child.waitid(LONG).success()).isTrue();
      }
    }
  }

  @Test
  void aProcessThatEndsBeforeTheWaitIsReaped() throws IOException {
    try (var child = Spawn.of(Path.of("/bin/true")).start()) {
      child.pidfd().await(Set.of(PollEvent.IN), LONG, "the end");
      child.kill(Signal.KILL);
      assertThat(child.poll()).hasValueSatisfying(exit -> assertThat(exit.success()).isTrue());
      child.kill(Signal.KILL);
    }
  }

  @Test
  void waitingEndsAtTheDeadlineAndTheProcessKeepsRunning() throws IOException {
    try (var child = sleeping()) {
      assertThatThrownBy(() -> child.waitid(Duration.ofMillis(20)))
          .isInstanceOf(DeadlineException.class)
          .hasMessageContaining("0.02 s")
          .hasMessageContaining("process " + child.pid())
          .hasMessageContaining("/bin/sleep 1000");
      assertThat(child.poll()).isEmpty();
    }
  }

  @Test
  void anInterruptEndsWaitingAndStaysSet() throws Exception {
    try (var child = sleeping()) {
      var waiting =
          Background.start(() -> {
            assertThatThrownBy(() -> child.waitid(LONG)).isInstanceOf(InterruptedIOException.class);
            return Thread.currentThread().isInterrupted();
          });
      waiting.awaitWaiting().interrupt();
      assertThat(waiting.get()).isTrue();
      assertThat(child.poll()).isEmpty();
    }
  }

  @Test
  void manyWaitingThreadsGetTheSameResult() throws Exception {
    try (var child = sleeping()) {
      var waiting = new ArrayList<Background<Exit>>();
      for (int i = 0; i < 20; i++) {
        waiting.add(Background.start(() -> child.waitid(LONG)));
      }
      waiting.forEach(Background::awaitWaiting);
      child.kill(Signal.KILL);
      var exit = child.waitid(LONG);
      for (var each : waiting) {
        assertThat(each.get()).isSameAs(exit);
      }
    }
  }

  @Test
  void closingWakesAWaitingThreadWithTheExit() throws Exception {
    for (int i = 0; i < 50; i++) {
      try (var child = sleeping()) {
        var waiting = Background.start(() -> child.waitid(LONG));
        waiting.awaitWaiting();
        child.close();
        assertSignalled(waiting.get(), Signal.KILL);
      }
    }
  }

  @Test
  void closingKillsAndReaps() throws IOException {
    var child = sleeping();
    try (var pidfd = Processes.pidfdOpen(child.pid()).orElseThrow()) {
      child.close();
      assertThat(Processes.pidfdOpen(child.pid())).isEmpty();
      Processes.awaitEnd(pidfd, LONG);
      child.close();
      assertSignalled(child.waitid(LONG), Signal.KILL);
    }
  }

  @Test
  void closingKillsAProcessThatIsStoppedOrIgnoresSignals() throws IOException {
    try (var out = Pipe.pipe2();
        var child =
            sh("trap '' TERM INT HUP; echo ready; while :; do sleep 1000; done")
                .descriptor(1, out.write())
                .processGroup(0)
                .start()) {
      assertThat(Descriptors.line(out.read())).isEqualTo("ready");
      child.kill(Signal.TERM);
      child.kill(Signal.STOP);
      child.close();
      assertSignalled(child.waitid(LONG), Signal.KILL);
    }
  }

  @Test
  void closingALeaderKillsItsWholeGroup() throws IOException {
    assertGroupDies(sh("sleep 1000 & echo $!; wait").newSession());
    assertGroupDies(sh("sleep 1000 & echo $!; wait").processGroup(0));
  }

  private static void assertGroupDies(Spawn spawn) throws IOException {
    try (var out = Pipe.pipe2();
        var child = spawn.descriptor(1, out.write()).start()) {
      int grandchild = Integer.parseInt(Descriptors.line(out.read()));
      try (var pidfd = Processes.pidfdOpen(grandchild).orElseThrow()) {
        child.close();
        Processes.awaitEnd(pidfd, LONG);
      }
    }
  }

  @Test
  void aGroupIsSignalledEvenIfItsLeaderIsAZombie() throws IOException {
    try (var out = Pipe.pipe2();
        var child = sh("sleep 1000 & echo $!").descriptor(1, out.write()).processGroup(0).start()) {
      int grandchild = Integer.parseInt(Descriptors.line(out.read()));
      try (var pidfd = Processes.pidfdOpen(grandchild).orElseThrow()) {
        child.pidfd().await(Set.of(PollEvent.IN), LONG, "the end of the leader");
        child.killGroup(Signal.KILL);
        Processes.awaitEnd(pidfd, LONG);
      }
      assertThat(child.waitid(LONG).success()).isTrue();
      child.killGroup(Signal.KILL);
    }
  }

  @Test
  void aChildThatLeadsNoGroupCannotSignalOne() throws IOException {
    try (var child = sleeping()) {
      assertThatThrownBy(() -> child.killGroup(Signal.KILL))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("does not lead");
    }
  }

  @Test
  void closingKeepsAnInterrupt() throws Exception {
    var child = sleeping();
    var closing =
        Background.start(() -> {
          Thread.currentThread().interrupt();
          child.close();
          return Thread.currentThread().isInterrupted();
        });
    assertThat(closing.get()).isTrue();
    assertSignalled(child.waitid(LONG), Signal.KILL);
  }

  @Test
  void theResourceUsageIsReported() throws IOException {
    try (var child = sh("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done").start()) {
      var usage = child.waitid(LONG).usage();
      assertThat(usage.user().plus(usage.system())).isPositive().isLessThan(LONG);
      assertThat(usage.maxRss()).isBetween(100_000L, 1L << 30);
    }
  }

  @Test
  void theTextContainsTheTruncatedCommand() throws IOException {
    try (var child = Spawn.of(Path.of("/bin/true")).args("x".repeat(1000)).start()) {
      assertThat(child.toString())
          .startsWith("process " + child.pid() + " (/bin/true xxx")
          .endsWith("...)")
          .hasSizeLessThan(90);
      assertThat(child.waitid(LONG).success()).isTrue();
    }
  }
}
