package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A caller with a service that breaks the protocol.
@ExtendWith(NoLeaks.class)
class HostilePeerTest {
  private static final SignalListener DEAF = (value, descriptors) -> {};

  private UnixSocket peer;
  private ServiceClient client;

  @BeforeEach
  void connect() throws IOException {
    var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
    peer = pair.theirs();
    client = ServiceClient.over("hostile", pair.ours());
  }

  @AfterEach
  void disconnect() throws IOException {
    peer.close();
    client.stop();
  }

  private void say(String packet, Fd... descriptors) throws IOException {
    peer.sendmsg(packet.getBytes(StandardCharsets.UTF_8), List.of(descriptors), Deadline.in(LONG));
  }

  /// The next packet that the caller has sent.
  private String hear() throws IOException {
    var received = peer.recvmsg(1 << 20, Deadline.in(LONG));
    received.descriptors().forEach(Fd::close);
    return new String(received.data(), StandardCharsets.UTF_8);
  }

  private void connectionIsOver() {
    assertThatThrownBy(() -> Background.bounded(() -> client.call("next", json("[]"), LONG)))
        .isInstanceOf(ServiceEndedException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "null",
        "1",
        "\"reply\"",
        "{}",
        "{\"type\": \"reply\"}",
        "{\"data\": {\"reply\": 1}}",
        "{\"type\": \"reply\", \"data\": {}}",
        "{\"type\": \"signal\", \"data\": {}}",
        "{\"type\": \"exception\", \"data\": {}}",
        "{\"type\": \"method\", \"data\": {}}",
        "{\"type\": \"reply\", \"data\": null}",
        "{\"type\": \"reply\", \"data\": [1]}",
        "{\"type\": \"reply\", \"data\": {\"value\": 1}}",
        "{\"type\": \"signal\", \"data\": {\"signal\": 1}}",
        "{\"type\": \"nonsense\", \"data\": {\"reply\": 1}}",
        "{\"type\": \"\", \"data\": {\"reply\": 1}}",
        "{\"type\": null, \"data\": {\"reply\": 1}}",
        "{\"type\": 1, \"data\": {\"reply\": 1}}",
        "{\"type\": [\"reply\"], \"data\": {\"reply\": 1}}",
        "{\"type\": \"exception\", \"data\": {\"name\": \"N\", \"value\": \"V\"}}",
        "{\"type\": \"exception\", \"data\": {\"name\": \"N\", \"backtrace\": \"B\"}}",
        "{\"type\": \"exception\", \"data\": {\"value\": \"V\", \"backtrace\": \"B\"}}",
        "{\"type\": \"exception\", \"data\": {\"name\": 1, \"value\": \"V\", \"backtrace\": \"B\"}}",
        "{\"type\": \"method\", \"data\": {\"name\": \"m\", \"args\": []}}"
      })
  void aMalformedAnswerIsAProtocolExceptionAndEndsTheConnection(String packet) throws IOException {
    try (var one = memfd("one")) {
      say(packet, one);
    }
    say("{\"type\": \"reply\", \"data\": {\"reply\": \"the next answer\"}}");
    assertThatThrownBy(() -> Background.bounded(() -> client.call("m", json("[]"), LONG)))
        .isInstanceOf(ProtocolException.class);
    connectionIsOver();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "{\"type\": \"reply\", \"data\": {\"reply\": 1}",
        "{\"type\": \"reply\", \"data\": {\"reply\": NaN}}",
        "{\"type\": \"reply\", \"type\": \"signal\", \"data\": {\"reply\": 1}}",
        "{\"type\": \"reply\", \"data\": {\"reply\": 1}} {}",
        "\u0000",
        "<args-via-fd>"
      })
  void anUnacceptableMessageIsAnErrorAndEndsTheConnection(String packet) throws IOException {
    say(packet);
    say("{\"type\": \"reply\", \"data\": {\"reply\": \"the next answer\"}}");
    assertThatThrownBy(() -> Background.bounded(() -> client.call("m", json("[]"), LONG)))
        .isInstanceOfAny(MessageException.class, ProtocolException.class);
    connectionIsOver();
  }

  @Test
  void aPipeAsPayloadDoesNotBlockTheCall() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      say("<args-via-fd>", pipe.read(), pipe.write());
      assertThatThrownBy(() -> Background.bounded(() -> client.call("m", json("[]"), LONG)))
          .isInstanceOfAny(MessageException.class, ProtocolException.class);
    }
    connectionIsOver();
  }

  @Test
  void anEndlessPayloadIsNotRead() throws Exception {
    try (var zero = Fd.open(Path.of("/dev/zero"), OpenFlag.RDWR)) {
      say("<args-via-fd>", zero);
    }
    assertThatThrownBy(() -> Background.bounded(() -> client.call("m", json("[]"), LONG)))
        .isInstanceOfAny(MessageException.class, ProtocolException.class);
    connectionIsOver();
  }

  @Test
  void anAnswerThatArrivedBeforeTheCallIsRefused() throws Exception {
    say("{\"type\": \"reply\", \"data\": {\"reply\": 1}}");
    assertThatThrownBy(() -> client.call("m", json("[]"), LONG))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("no call was pending");
    connectionIsOver();
  }

  @Test
  void aSignalThatCameBeforeTheCallIsDropped() throws Exception {
    try (var one = memfd("one")) {
      say("{\"type\": \"signal\", \"data\": {\"reply\": 1}}", one);
    }
    var call = Background.startPlatform(() -> client.call("m", json("[]"), LONG));
    assertThat(hear()).contains("\"m\"");
    say("{\"type\": \"reply\", \"data\": {\"reply\": 2}}");
    assertThat(call.get()).isEqualTo(json("2"));
  }

  @Test
  void aLateAnswerIsNeverTheAnswerToTheNextCall() throws Exception {
    assertThatThrownBy(() -> client.call("first", json("[]"), SHORT))
        .isInstanceOf(DeadlineException.class);
    assertThat(hear()).contains("first");
    // Sending may fail, as the client has ended the connection. If not, no call may receive the
    // answer.
    try {
      say("{\"type\": \"reply\", \"data\": {\"reply\": \"late\"}}");
    } catch (IOException gone) {
      assertThat(gone).hasMessageContaining("EPIPE");
    }
    connectionIsOver();
  }

  @Test
  void aSurplusAnswerToAFailedCallIsNeverTheAnswerToTheNextCall() throws Exception {
    say("{\"type\": \"nonsense\", \"data\": {\"reply\": 1}}");
    for (int i = 0; i < 5; i++) {
      say("{\"type\": \"reply\", \"data\": {\"reply\": \"late\"}}");
    }
    assertThatThrownBy(() -> client.call("first", json("[]"), LONG))
        .isInstanceOf(ProtocolException.class);
    connectionIsOver();
    connectionIsOver();
  }

  @Test
  void theEndOfTheConnectionIsTheEndOfTheService() throws Exception {
    peer.close();
    assertThatThrownBy(() -> client.call("m", json("[]"), LONG))
        .isInstanceOf(ServiceEndedException.class);
  }

  @Test
  void theEndOfTheConnectionDuringACallIsTheEndOfTheService() throws Exception {
    var call = Background.startPlatform(() -> client.call("m", json("[]"), LONG));
    assertThat(hear()).contains("\"m\"");
    say("{\"type\": \"signal\", \"data\": {\"reply\": 1}}");
    peer.close();
    assertThatThrownBy(() -> call.get()).isInstanceOf(ServiceEndedException.class);
  }

  /// Waits for a call, then sends signals, each with a descriptor, until the connection ends.
  private Background<Long> flood() {
    return Background.startPlatform(() -> {
      long sent = 0;
      hear();
      try (var one = memfd("one")) {
        while (true) {
          say("{\"type\": \"signal\", \"data\": {\"reply\": 1}}", one);
          sent++;
        }
      } catch (IOException broken) {
        return sent;
      }
    });
  }

  @Test
  void endlessSignalsDoNotDelayTheDeadline() throws Exception {
    var flood = flood();
    assertThatThrownBy(() -> Background.bounded(() -> client.call("m", json("[]"), SHORT)))
        .isInstanceOf(DeadlineException.class);
    assertThat(flood.get()).as("the connection has ended").isPositive();
    connectionIsOver();
  }

  /// Takes longer than sending a signal, so that another one is always waiting.
  private static void work() {
    long until = System.nanoTime() + 1_000_000;
    while (System.nanoTime() < until) {
      Thread.onSpinWait();
    }
  }

  @Test
  void endlessSignalsDoNotDelayTheDeadlineWithASlowListener() throws Exception {
    var flood = flood();
    assertThatThrownBy(() ->
            Background.bounded(() ->
                client.callWithFds(
                    "m", json("[]"), List.of(), (value, descriptors) -> work(), SHORT)))
        .isInstanceOf(DeadlineException.class);
    assertThat(flood.get()).isPositive();
  }

  @Test
  void endlessSignalsDoNotDelayAnInterrupt() throws Exception {
    var flood = flood();
    var signals = new CountDownLatch(100);
    var call =
        Background.startPlatform(() ->
            client.callWithFds(
                "m",
                json("[]"),
                List.of(),
                (value, descriptors) -> {
                  signals.countDown();
                  work();
                },
                LONG));
    assertThat(signals.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
    call.interrupt();
    assertThatThrownBy(() -> call.get().close()).isInstanceOf(InterruptedIOException.class);
    assertThat(flood.get()).isPositive();
  }

  @Test
  void aPeerThatNeverReadsBlocksNoCallBeyondItsDeadline() throws Exception {
    // The peer has room for some calls, but reads none: the first fails by its deadline and ends
    // the connection.
    assertThatThrownBy(() -> Background.bounded(() -> client.call("m", json("[]"), SHORT)))
        .isInstanceOf(DeadlineException.class);
    connectionIsOver();
  }

  @Test
  @Requires(Need.PYTHON)
  void endlessSignalsOfAProcessDoNotDelayTheDeadline(@TempDir Path directory) throws Exception {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var python = manager.start("flood", Support.pythonService(directory), List.of());
      assertThatThrownBy(
              () -> Background.bounded(() -> python.call("signals_without_end", json("[]"), SHORT)))
          .isInstanceOf(DeadlineException.class);
      assertThatThrownBy(() -> Background.bounded(() -> python.call("echo", json("[]"), LONG)))
          .isInstanceOf(ServiceEndedException.class);
      manager.finish();
    }
  }

  @Test
  @Requires(Need.PYTHON)
  void messagesOfAProcessAfterABreachAreIgnored(@TempDir Path directory) throws Exception {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var python = manager.start("raw", Support.pythonService(directory), List.of());
      var packets =
          json(
              """
              ["{\\"type\\": \\"reply\\", \\"data\\": {}}",
               "{\\"type\\": \\"reply\\", \\"data\\": {\\"reply\\": 1}}"]
              """);
      assertThatThrownBy(() -> python.callWithFds("raw", packets, List.of(), DEAF, LONG))
          .isInstanceOf(ProtocolException.class);
      assertThatThrownBy(() -> Background.bounded(() -> python.call("echo", json("[]"), LONG)))
          .isInstanceOf(ServiceEndedException.class);
      manager.finish();
    }
  }
}
