package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.contents;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.internal.Connection;
import dev.caisson.service.internal.ServiceMessage;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A client that receives unsolicited messages, over its own socket.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class UnaskedMessageTest {
  private static final String SIGNAL = "{\"type\": \"signal\", \"data\": {\"reply\": %s}}";
  private static final String REPLY = "{\"type\": \"reply\", \"data\": {\"reply\": %s}}";

  private UnixSocket peer;
  private UnixSocket ours;
  private ServiceClient client;

  @BeforeEach
  void connect() throws IOException {
    var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
    peer = pair.theirs();
    ours = pair.ours();
  }

  @AfterEach
  void disconnect() throws IOException {
    peer.close();
    client.stop();
  }

  private void withoutAStandingListener() throws IOException {
    client = ServiceClient.over("raw", ours);
  }

  private void say(String packet, Fd... descriptors) throws IOException {
    peer.sendmsg(packet.getBytes(StandardCharsets.UTF_8), List.of(descriptors), Deadline.in(LONG));
  }

  private String hear() throws IOException {
    return new String(peer.recvmsg(1 << 16, Deadline.in(LONG)).data(), StandardCharsets.UTF_8);
  }

  private Background<Message> call(SignalListener listener) {
    return Background.startPlatform(
        () -> client.callWithFds("m", json("[]"), List.of(), listener, LONG));
  }

  private void answer(Background<Message> call) throws Exception {
    assertThat(hear()).contains("\"m\"");
    say(REPLY.formatted("\"answer\""));
    assertThat(call.get().value()).isEqualTo(json("\"answer\""));
  }

  @Test
  void earlierSignalsAreDeliveredInOrderBeforeTheCallIsSent() throws Exception {
    withoutAStandingListener();
    try (var one = memfd("one")) {
      say(SIGNAL.formatted("1"), one);
      say(SIGNAL.formatted("2"));
    }
    var heard = new Heard();
    var call =
        call((value, descriptors) -> {
          assertThat(peer.ready()).as("the call has been sent").isFalse();
          heard.signal(value, descriptors);
        });
    answer(call);
    assertThat(heard.all()).containsExactly("1 one", "2");
  }

  @Test
  void aListenerThatThrowsBeforeTheCallIsSentFailsTheCallAndKeepsTheConnection() throws Exception {
    withoutAStandingListener();
    say(SIGNAL.formatted("1"));
    say(SIGNAL.formatted("2"));
    var heard = new Heard();
    SignalListener failing =
        (value, descriptors) -> {
          throw new IOException("on purpose");
        };
    assertThatThrownBy(() -> call(failing).get()).hasMessage("on purpose");
    answer(call(heard));
    assertThat(heard.all()).containsExactly("2");
  }

  /// A connection on which a signal is always ready until a call is sent.
  private static final class Endless implements Connection {
    private boolean called;

    @Override
    public void send(ServiceMessage message, List<Fd> descriptors, Deadline deadline) {
      called = true;
    }

    @Override
    public Optional<Delivery> receive(Deadline deadline) {
      var value = json("1");
      return Optional.of(
          new Delivery(
              called ? new ServiceMessage.Reply(value) : new ServiceMessage.Signal(value),
              List.of()));
    }

    @Override
    public boolean ready() {
      return true;
    }

    @Override
    public void awaitReady(Deadline deadline) {}

    @Override
    public void shutdown() {}

    @Override
    public void close() {}
  }

  @Test
  void endlessSignalsDoNotKeepACallFromBeingSent() throws Exception {
    client =
        new ServiceClient(
            "endless",
            new Endless(),
            until -> new ServiceEndedException("endless", "ended", List.of()),
            SignalListener.NONE,
            ServiceClient.Owner.NONE);
    ours.close();
    var heard = new Heard();
    try (var reply = client.callWithFds("m", json("[]"), List.of(), heard, LONG)) {
      assertThat(reply.value()).isEqualTo(json("1"));
    }
    assertThat(heard.all()).hasSizeBetween(1, 1000);
  }

  /// Takes longer than sending a signal, so that another one is always waiting.
  private static void work() {
    long until = System.nanoTime() + 2_000_000;
    while (System.nanoTime() < until) {
      Thread.onSpinWait();
    }
  }

  @Test
  void aDeadlineThatPassesBeforeTheCallIsSentKeepsTheConnection() throws Exception {
    withoutAStandingListener();
    for (int i = 0; i < 150; i++) {
      say(SIGNAL.formatted("1"));
    }
    assertThatThrownBy(() ->
            client.callWithFds(
                "late", json("[]"), List.of(), (value, descriptors) -> work(), SHORT))
        .isInstanceOf(DeadlineException.class);
    answer(call(SignalListener.NONE));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"type\": \"reply\", \"data\": {\"reply\": 1}} | type 'reply'",
        "{\"type\": \"method\", \"data\": {\"name\": \"m\"}} | type 'method'",
        "{\"type\": \"exception\", \"data\": {\"name\": \"N\", \"value\": \"V\", \"backtrace\": \"\"}}"
            + " | type 'exception'",
        "{\"type\": \"signal\", \"data\": {\"signal\": 1}} | is missing",
      })
  void anythingButASignalIsABreachOfTheProtocol(String packet, String problem) throws Exception {
    var heard = new Heard();
    client = ServiceClient.over("raw", ours, Limits.DEFAULT, heard);
    say(SIGNAL.formatted("1"));
    say(packet);
    assertThat(hear()).as("the end of the connection, before any call").isEmpty();
    assertThat(heard.all()).containsExactly("1");
    assertThatThrownBy(() -> client.call("m", LONG))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("raw")
        .hasMessageContaining(problem);
    assertThatThrownBy(() -> client.call("m", LONG)).isInstanceOf(ServiceEndedException.class);
  }

  @Test
  void anUnacceptableMessageIsTheErrorOfTheNextCall() throws Exception {
    client = ServiceClient.over("raw", ours, Limits.DEFAULT, new Heard());
    say("nonsense");
    assertThat(hear()).as("the end of the connection, before any call").isEmpty();
    assertThatThrownBy(() -> client.call("m", LONG)).isInstanceOf(MessageException.class);
  }

  @Test
  void signalsBeyondTheLimitsAreRefused() throws Exception {
    client = ServiceClient.over("raw", ours, Limits.UNTRUSTED, new Heard());
    say(SIGNAL.formatted("[".repeat(100) + "]".repeat(100)));
    assertThatThrownBy(() -> client.call("m", LONG)).isInstanceOf(MessageException.class);
  }

  @Test
  void theEndOfTheConnectionIsTheErrorOfTheNextCall() throws Exception {
    var heard = new Heard();
    client = ServiceClient.over("raw", ours, Limits.DEFAULT, heard);
    say(SIGNAL.formatted("1"));
    peer.close();
    assertThat(heard.await(1)).containsExactly("1");
    assertThatThrownBy(() -> client.call("m", LONG))
        .isInstanceOf(ServiceEndedException.class)
        .hasMessageContaining("raw");
  }

  @Test
  void aClientOfASocketOwnsItAndItsStopClosesIt() throws Exception {
    withoutAStandingListener();
    assertThat(ours.fd().isOpen()).as("the client owns it").isFalse();
    assertThat(client.id()).isEqualTo("raw");
    assertThat(client.pid()).isEmpty();
    client.stop();
    assertThat(hear()).as("the end").isEmpty();
    client.stop();
    client.stop(SHORT);
    assertThatThrownBy(() -> client.call("m", LONG)).isInstanceOf(ServiceEndedException.class);
  }

  @Test
  void aSocketOfAnotherTypeIsRefusedAndStaysWithTheCaller() throws Exception {
    withoutAStandingListener();
    try (var stream = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var file = UnixSocket.of(Fd.nullDevice())) {
      assertThatThrownBy(() -> ServiceClient.over("x", stream.ours()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("STREAM");
      assertThatThrownBy(() -> ServiceClient.over("x", file))
          .isInstanceOfSatisfying(
              SystemCallException.class,
              failure -> assertThat(failure.errno()).isEqualTo(Errno.ENOTSOCK));
      assertThat(stream.ours().fd().isOpen()).isTrue();
      assertThat(file.fd().isOpen()).isTrue();
    }
  }

  @Test
  void aCallWithoutArgumentsSendsAnEmptyList() throws Exception {
    withoutAStandingListener();
    var call = Background.startPlatform(() -> client.call("m", LONG));
    assertThat(json(hear()))
        .isEqualTo(json("{\"type\": \"method\", \"data\": {\"name\": \"m\", \"args\": []}}"));
    say(REPLY.formatted("2"));
    assertThat(call.get()).isEqualTo(json("2"));
  }

  @Test
  void descriptorsOfDroppedSignalsAreClosed() throws Exception {
    withoutAStandingListener();
    try (var file = memfd("file")) {
      for (int i = 0; i < 20; i++) {
        say(SIGNAL.formatted("1"), file, file);
      }
      answer(call(SignalListener.NONE));
      assertThat(contents(file)).isEqualTo("file");
    }
  }
}
