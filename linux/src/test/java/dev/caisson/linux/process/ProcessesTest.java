package dev.caisson.linux.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
@Timeout(120)
class ProcessesTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @Test
  void theEndOfAGrandchildCanBeAwaited() throws IOException {
    try (var out = Pipe.pipe2();
        var child =
            Spawn.of(Path.of("/bin/sh"))
                .args("-c", "sleep 1000 & echo $!; wait")
                .env("PATH", "/usr/bin:/bin")
                .descriptor(1, out.write())
                .newSession()
                .start()) {
      int foreign = Integer.parseInt(Descriptors.line(out.read()));
      try (var pidfd = Processes.pidfdOpen(foreign).orElseThrow()) {
        assertThat(Descriptors.cloexec(pidfd)).isTrue();
        assertThatThrownBy(() -> Processes.awaitEnd(pidfd, Duration.ofMillis(20)))
            .isInstanceOf(DeadlineException.class);
        Processes.pidfdSendSignal(pidfd, Signal.TERM);
        Processes.awaitEnd(pidfd, LONG);
        assertThat(child.waitid(LONG).success()).isTrue();
        Processes.pidfdSendSignal(pidfd, Signal.TERM);
      }
    }
  }

  @Test
  void openingAMissingProcessReturnsEmpty() throws IOException {
    assertThat(Processes.pidfdOpen(Integer.MAX_VALUE)).isEmpty();
  }

  @Test
  void groupsOfAtMost1AreNotSignalled() {
    for (int group : new int[] {-1, 0, 1}) {
      assertThatThrownBy(() -> Processes.killGroup(group, Signal.KILL))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void anIgnoredSignalIsDetected() throws IOException {
    try (var out = Pipe.pipe2();
        var child =
            Spawn.of(Path.of("/bin/sh"))
                .args("-c", "trap '' TSTP WINCH; echo ready; exec sleep 1000")
                .env("PATH", "/usr/bin:/bin")
                .descriptor(1, out.write())
                .start()) {
      assertThat(Descriptors.line(out.read())).isEqualTo("ready");
      assertThat(Processes.ignores(child.pid(), Signal.TSTP)).isTrue();
      assertThat(Processes.ignores(child.pid(), Signal.WINCH)).isTrue();
      assertThat(Processes.ignores(child.pid(), Signal.STOP)).isFalse();
      assertThat(Processes.ignores(child.pid(), new Signal(64))).isFalse();
    }
    assertThatThrownBy(() -> Processes.ignores(Integer.MAX_VALUE, Signal.TSTP))
        .isInstanceOf(IOException.class);
  }

  @Test
  void signallingAMissingGroupIsANoOp() throws IOException {
    Processes.killGroup(Integer.MAX_VALUE, Signal.KILL);
  }

  @Test
  void ignoringSigkillFails() {
    assertThatThrownBy(() -> Processes.ignore(Signal.KILL))
        .isInstanceOf(SystemCallException.class)
        .hasMessage("rt_sigaction(SIGKILL, \"SIG_IGN\"): EINVAL (Invalid argument)");
  }

  @Test
  void theEffectiveUserIsTheJvmsUser() {
    assertThat(Processes.geteuid() == 0).isEqualTo(System.getProperty("user.name").equals("root"));
  }
}
