package dev.caisson.stub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.AnswerException;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.Handshake;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.StubException;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Scripts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Stubs that send odd or malicious messages. [UpstreamStubTest] covers good ones.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(120)
class ForeignStubTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Duration SHORT = Duration.ofMillis(500);

  @TempDir Path directory;

  private Process start(String kind) throws IOException {
    return new ProcessBuilder(
            Scripts.command(
                directory,
                "stub.py",
                ForeignStubTest.class::getResourceAsStream,
                kind,
                directory.resolve("socket").toString()))
        .inheritIO()
        .start();
  }

  private StubServer server() throws IOException {
    return StubServer.listenOn(directory.resolve("socket"));
  }

  private static long getpgid(RemoteProcess process) throws IOException {
    return process.call(SystemCall.GETPGID).word(4711).result();
  }

  @Test
  void anOddEnvironmentIsUnderstood() throws Exception {
    try (var server = server()) {
      var started = start("good");
      try (var call = server.accept(LONG)) {
        assertThat(call.environment()).containsOnlyKeys("A").containsEntry("A", "1");
        assertThat(call.rawEnvironment()).hasSize(4);
      }
      assertThat(started.waitFor()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "at_once",
        "says_half",
        "garbage",
        "garbage_before_all",
        "many_strings",
        "nearly_endless_strings",
        "long_string",
        "negative_string",
        "too_much_in_all",
        "goes_after_description",
        "refuses_the_first"
      })
  void aPeerThatIsNotAStubIsReportedAndTheNextIsServed(String kind) throws Exception {
    try (var server = server()) {
      var bad = start(kind);
      try {
        assertThatThrownBy(() -> server.accept(LONG)).isInstanceOf(StubException.class);
        assertServesAnother(server);
      } finally {
        Programs.end(bad);
      }
    }
  }

  private void assertServesAnother(StubServer server) throws Exception {
    var good = start("good");
    try (var call = server.accept(LONG)) {
      assertThat(call.process().getpid()).isEqualTo((int) good.pid());
    } finally {
      good.waitFor();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "silent",
        "silent_with_descriptors",
        "says_half_and_waits",
        "one_byte_at_a_time",
        "silent_after_description",
        "half_an_answer"
      })
  void aSilentPeerTimesOut(String kind) throws Exception {
    try (var listener =
        UnixListener.listen(UnixSocket.Type.STREAM, directory.resolve("socket"), 10)) {
      var bad = start(kind);
      try (var connected = listener.accept(LONG);
          var handshake = Handshake.begin(connected)) {
        long began = System.nanoTime();
        assertThatThrownBy(() -> handshake.await(SHORT))
            .isInstanceOf(StubException.class)
            .hasCauseInstanceOf(DeadlineException.class);
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(5));
      } finally {
        Programs.end(bad);
      }
    }
  }

  @Test
  void aPeerThatIsSilentAfterItsFirstAnswerTimesOut() throws Exception {
    try (var listener =
        UnixListener.listen(UnixSocket.Type.STREAM, directory.resolve("socket"), 10)) {
      var bad = start("silent_after_the_first");
      try (var connected = listener.accept(LONG);
          var handshake = Handshake.begin(connected)) {
        assertThatThrownBy(() -> handshake.await(SHORT)).isInstanceOf(StubException.class);
      } finally {
        Programs.end(bad);
      }
    }
  }

  @Test
  void aSilentPeerDelaysNoOther() throws Exception {
    try (var server = server()) {
      var silent = start("silent_with_descriptors");
      // The listening socket, and the one that waits to be accepted.
      Eventually.holds(() ->
          Files.readAllLines(Path.of("/proc/net/unix")).stream()
                  .filter(line -> line.endsWith(server.socket().toString()))
                  .count()
              >= 2);
      assertServesAnother(server);
      assertServesAnother(server);
      Programs.end(silent);
      assertThatThrownBy(() -> server.accept(LONG)).isInstanceOf(StubException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "empty_strings",
        "acknowledges_half",
        "acknowledges_otherwise",
        "acknowledges_more"
      })
  void aPeerWithOddMessagesIsServed(String kind) throws Exception {
    try (var server = server()) {
      var odd = start(kind);
      try (var call = server.accept(LONG)) {
        assertThat(call.process().getpid()).isEqualTo((int) odd.pid());
      } finally {
        Programs.end(odd);
      }
      assertServesAnother(server);
    }
  }

  @Test
  void aPeerGainsNothingByLyingAboutItself() throws Exception {
    try (var server = server()) {
      var liar = start("lies");
      try (var call = server.accept(LONG)) {
        assertThat(call.process().pid()).isEqualTo(1);
        assertThat(call.credentials().pid()).isEqualTo((int) liar.pid());
        assertThat(call.process().getpid()).isEqualTo((int) liar.pid());
        try (var here = Fd.nullDevice()) {
          assertThatThrownBy(() -> call.process().give(here)).isInstanceOf(IOException.class);
        }
      } finally {
        Programs.end(liar);
      }
      assertServesAnother(server);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"partial_answer_and_gone", "killed_in_a_call"})
  void aStubThatGoesAwayInACallIsLost(String kind) throws Exception {
    try (var server = server()) {
      var started = start(kind);
      try (var call = server.accept(LONG)) {
        assertThatThrownBy(() -> getpgid(call.process()))
            .isInstanceOfSatisfying(
                ConnectionLostException.class, e -> assertThat(e.submitted()).isTrue());
        assertThatThrownBy(call.process()::getpid)
            .isInstanceOfSatisfying(
                ConnectionLostException.class, e -> assertThat(e.submitted()).isFalse());
      } finally {
        Programs.end(started);
      }
      assertServesAnother(server);
    }
  }

  @Test
  void aCallOfASilentStubTimesOut() throws Exception {
    try (var server = server()) {
      var started = start("silent_in_a_call");
      try (var call = server.accept(LONG)) {
        call.process().deadline(SHORT);
        assertThatThrownBy(() -> getpgid(call.process())).isInstanceOf(DeadlineException.class);
        assertThatThrownBy(call.process()::getpid).isInstanceOf(DeadlineException.class);
        Programs.end(started);
        assertThatThrownBy(call.process()::getpid).isInstanceOf(ConnectionLostException.class);
      } finally {
        Programs.end(started);
      }
    }
  }

  @Test
  void aPartialAnswerEndsTheConnection() throws Exception {
    try (var server = server()) {
      var started = start("partial_answer");
      try (var call = server.accept(LONG)) {
        call.process().deadline(SHORT);
        assertThatThrownBy(() -> getpgid(call.process())).isInstanceOf(DeadlineException.class);
        assertThatThrownBy(call.process()::getpid).isInstanceOf(ConnectionLostException.class);
      } finally {
        Programs.end(started);
      }
    }
  }

  @Test
  void anUnknownErrnoIsReported() throws Exception {
    try (var server = server()) {
      var started = start("errno");
      try (var call = server.accept(LONG)) {
        assertThatThrownBy(call.process()::getpid)
            .isInstanceOf(AnswerException.class)
            .hasMessage("getpid() returned unknown errno 4000");
        assertThatThrownBy(
                () -> {
                  try (var batch = call.process().batch()) {
                    batch.mkdirat(Path.of("x"), 0700);
                  }
                })
            .isInstanceOf(AnswerException.class);
      } finally {
        Programs.end(started);
      }
    }
  }

  @Test
  void anAnswerWithAnImpossibleCountIsRefused() throws Exception {
    try (var server = server()) {
      var started = start("counts");
      try (var call = server.accept(LONG);
          var memory = call.process().allocate(10)) {
        var fd = call.process().inherited(0);
        assertThatThrownBy(() -> call.process().read(fd, 10)).isInstanceOf(AnswerException.class);
        assertThatThrownBy(() -> call.process().read(fd, memory))
            .isInstanceOf(AnswerException.class);
        assertThatThrownBy(() -> call.process().readlinkat(Path.of("x")))
            .isInstanceOf(AnswerException.class);
        assertThatThrownBy(() -> call.process().getdents64(fd)).isInstanceOf(AnswerException.class);
      } finally {
        Programs.end(started);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"too_many", "too_large", "not_an_error"})
  void strangeAnswersHarmNoOtherStub(String kind) throws Exception {
    try (var server = server()) {
      var started = start(kind);
      try (var call = server.accept(LONG)) {
        assertThat(getpgid(call.process())).isIn(0L, Long.MAX_VALUE, -4096L);
        call.process().getpid();
        assertServesAnother(server);
      } finally {
        Programs.end(started);
      }
    }
  }

  @Test
  void sharedMemoryCannotBeCutOff() throws Exception {
    try (var server = server()) {
      var started = start("keeps_memory");
      try (var call = server.accept(LONG);
          var memory = call.process().allocate(1 << 20)) {
        memory.local().fill((byte) 1);
        assertThat(getpgid(call.process())).isEqualTo(1234);
        assertThat(memory.local().get(java.lang.foreign.ValueLayout.JAVA_BYTE, 5000)).isZero();
        memory.local().fill((byte) 1);
      } finally {
        Programs.end(started);
      }
    }
  }

  @Test
  void aFloodOfConnectionsDoesNotBlockAStub() throws Exception {
    try (var server = server()) {
      assertThat(start("flood").waitFor()).isZero();
      var good = start("good");
      var told = new ArrayList<StubException>();
      boolean answered = false;
      while (!answered || told.size() < 300) {
        try (var call = server.accept(LONG)) {
          assertThat(call.process().getpid()).isEqualTo((int) good.pid());
          answered = true;
        } catch (StubException bad) {
          told.add(bad);
        }
      }
      good.waitFor();
      assertThat(told).hasSize(300);
    }
  }
}
