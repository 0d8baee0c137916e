package dev.caisson.remote.internal.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Answers that come late and in pieces.
@ExtendWith(NoLeaks.class)
class ConnectionTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Duration SHORT = Duration.ofMillis(50);

  private static void answer(UnixSocket peer, long... results) throws IOException {
    try (var arena = Arena.ofConfined()) {
      peer.send(arena.allocateFrom(ValueLayout.JAVA_LONG, results), Deadline.in(LONG));
    }
  }

  @Test
  void eachLateAnswerBelongsToItsRequest() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var connection = new Connection(pair.ours(), false)) {
      var told = new ArrayList<String>();
      connection.lock(Deadline.in(LONG));
      for (int i = 0; i < 4; i++) {
        connection.request(i, SystemCall.GETPID.number());
      }
      answer(pair.theirs(), 100);
      assertThatThrownBy(() ->
              connection.exchange(
                  4, Deadline.in(SHORT), (index, result) -> told.add(index + " " + result)))
          .isInstanceOf(DeadlineException.class);
      connection.unlock();
      answer(pair.theirs(), 101);
      assertThatThrownBy(() -> connection.lock(Deadline.in(SHORT)))
          .isInstanceOf(DeadlineException.class);
      answer(pair.theirs(), 102, 103);
      connection.lock(Deadline.in(LONG));
      connection.unlock();
      assertThat(told)
          .containsExactlyInAnyOrderElementsOf(List.of("0 100", "1 101", "2 102", "3 103"));
    }
  }
}
