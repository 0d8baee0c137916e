package dev.caisson.service;

import static dev.caisson.service.Hostility.ends;
import static dev.caisson.service.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.internal.SocketConnection;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A service with a hostile host: it stops once, when the connection ends, and leaks nothing.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class HostileHostTest {
  private static final String CALL =
      "{\"type\": \"method\", \"data\": {\"name\": \"%s\", \"args\": [%s]}}";

  private final AtomicInteger stops = new AtomicInteger();
  private UnixSocket host;
  private Background<Boolean> served;

  @BeforeEach
  void serve() throws IOException {
    var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
    host = pair.ours();
    var theirs = JsonChannel.of(pair.theirs(), Limits.DEFAULT);
    var service = new SampleService(stops::incrementAndGet);
    served =
        Background.startPlatform(() -> {
          service.attach("test", new SocketConnection(theirs));
          service.serve();
          return true;
        });
  }

  @AfterEach
  void hangUp() {
    host.close();
  }

  private void say(String packet, Duration deadline, Fd... descriptors) throws IOException {
    var bytes = packet.getBytes(StandardCharsets.UTF_8);
    host.sendmsg(bytes, List.of(descriptors), Deadline.in(deadline));
  }

  private boolean ended() throws Exception {
    try {
      return served.get(Duration.ofSeconds(30));
    } catch (IOException failure) {
      return false;
    }
  }

  /// Sends a packet until there is no more room, and never reads.
  private int flood(String packet, Fd... descriptors) throws Exception {
    return ends(() -> {
      int said = 0;
      try {
        while (true) {
          say(packet, Duration.ofMillis(200), descriptors);
          said++;
        }
      } catch (DeadlineException full) {
        return said;
      }
    });
  }

  @Test
  void aServiceStopsAfterAHostThatCallsWithoutEndAndNeverReads() throws Exception {
    assertThat(flood(CALL.formatted("echo", "1"))).isPositive();
    host.close();
    assertThat(ended()).as("a departed host is not a failure").isTrue();
    assertThat(stops).hasValue(1);
  }

  @Test
  void aServiceStopsAfterAHostThatNeverReadsEndlessSignals() throws Exception {
    say(CALL.formatted("signals", "1000000000"), LONG);
    assertThat(flood(CALL.formatted("echo", "1"))).isPositive();
    host.close();
    ended();
    assertThat(stops).hasValue(1);
  }

  @Test
  @Requires(Need.OPEN_FILES)
  void aFloodOfDescriptorsLeavesNoneOpen() throws Exception {
    long before = Support.openDescriptors();
    try (var fd = Fd.nullDevice()) {
      var many = Collections.nCopies(252, fd).toArray(new Fd[0]);
      for (int i = 0; i < 300; i++) {
        say(CALL.formatted("nothing", "1"), LONG, many);
        var answer = host.recvmsg(1 << 16, Deadline.in(LONG));
        assertThat(answer.descriptors()).isEmpty();
        assertThat(new String(answer.data(), StandardCharsets.UTF_8)).contains("\"reply\"");
      }
      assertThat(Support.openDescriptors()).isBetween(before - 5, before + 10);
    }
    host.close();
    assertThat(ended()).isTrue();
    assertThat(stops).hasValue(1);
  }

  @Test
  void unusablePayloadsEndOnlyTheConnection() throws Exception {
    try (var pipe = Pipe.pipe2();
        var zero = Fd.open(Path.of("/dev/zero"))) {
      say("<args-via-fd>", LONG, pipe.read(), zero, zero);
      assertThat(ended()).isFalse();
    }
    assertThat(stops).hasValue(1);
  }

  /// An empty packet cannot be distinguished from the end of a connection.
  @Test
  void anEmptyPacketEndsTheService() throws Exception {
    say("", LONG);
    assertThat(ended()).isTrue();
    assertThat(stops).hasValue(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {65, 199, 10_000, 40_000})
  void deepArgumentsAreAnsweredOrEndTheService(int depth) throws Exception {
    say(CALL.formatted("echo", "[".repeat(depth) + "]".repeat(depth)), LONG);
    var answer = ends(() -> host.recvmsg(1 << 20, Deadline.in(LONG)));
    if (answer.isEndOfFile()) {
      assertThat(ended()).isFalse();
      assertThat(stops).hasValue(1);
    } else {
      say(CALL.formatted("echo", "2"), LONG);
      assertThat(host.recvmsg(1 << 16, Deadline.in(LONG)).data())
          .isEqualTo(
              "{\"type\":\"reply\",\"data\":{\"reply\":[2]}}".getBytes(StandardCharsets.UTF_8));
    }
  }

  @Test
  void callsQueuedBeforeTheHostLeftDoNoHarm() throws Exception {
    for (int i = 0; i < 20; i++) {
      say(CALL.formatted("sized", "100000"), LONG);
    }
    host.close();
    assertThat(ended()).isTrue();
    assertThat(stops).hasValue(1);
  }
}
