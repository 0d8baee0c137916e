package dev.caisson.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Decides whether a process that no longer answers has executed a program or has died.
class ExecveTest {
  private static final String GONE = "";

  /// The scripted observations of a process, in order.
  private record Seen(Deque<String> comms, Deque<Boolean> ends) implements Execve.Witness {
    static Seen of(List<String> comms, List<Boolean> ends) {
      return new Seen(new ArrayDeque<>(comms), new ArrayDeque<>(ends));
    }

    @Override
    public String comm() throws IOException {
      var comm = comms.remove();
      if (comm.equals(GONE)) {
        throw new NoSuchFileException("/proc/4711/comm");
      }
      return comm;
    }

    @Override
    public boolean ended() {
      return ends.remove();
    }
  }

  private static void assertUnchanged(boolean unchanged, List<String> comms, List<Boolean> ends)
      throws IOException {
    var seen = Seen.of(comms, ends);
    assertThat(Execve.isUnchanged(seen, Deadline.in(Duration.ofMinutes(1)))).isEqualTo(unchanged);
    assertThat(seen.comms()).isEmpty();
    assertThat(seen.ends()).isEmpty();
  }

  @Test
  void aProcessWithAnotherNameHasExecuted() throws IOException {
    assertUnchanged(false, List.of("true"), List.of());
  }

  @Test
  void aProcessThatIsAboutToExecuteIsAwaited() throws IOException {
    assertUnchanged(false, List.of(Execve.NAME, Execve.NAME, "true"), List.of(false, false));
  }

  @Test
  void aProcessThatIsAboutToEndIsAwaited() throws IOException {
    assertUnchanged(true, List.of(Execve.NAME, Execve.NAME, Execve.NAME), List.of(false, true));
  }

  @Test
  void aProcessThatExecutedAndEndedBetweenTwoChecksHasExecuted() throws IOException {
    assertUnchanged(false, List.of(Execve.NAME, "true"), List.of(true));
  }

  @Test
  void aVanishedProcessHasExecuted() throws IOException {
    assertUnchanged(false, List.of(GONE), List.of());
    assertUnchanged(false, List.of(Execve.NAME, GONE), List.of(true));
  }

  @Test
  void theWaitForAProcessEndsAtItsDeadline() {
    var seen = Seen.of(List.of(Execve.NAME), List.of(false));
    assertThatThrownBy(() -> Execve.isUnchanged(seen, Deadline.in(Duration.ZERO)))
        .isInstanceOf(DeadlineException.class);
  }
}
