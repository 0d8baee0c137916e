package dev.caisson.service.internal;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.contents;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.service.OutputListener;
import dev.caisson.service.SampleService;
import dev.caisson.service.ServiceEndedException;
import dev.caisson.service.Support;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The two ends of a connection inside a JVM behave like the ends of a socket.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the test closes early, and more than once, on purpose
class LocalConnectionTest {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private final LocalConnection.Pair pair = LocalConnection.pair();

  @AfterEach
  void closeBoth() {
    pair.host().close();
    pair.service().close();
  }

  private void send(JsonNode args, List<Fd> descriptors) throws IOException {
    pair.host().send(new ServiceMessage.Request("m", args), descriptors, Deadline.in(LONG));
  }

  private void send(JsonNode args) throws IOException {
    send(args, List.of());
  }

  private Connection.Delivery receive() throws IOException {
    return pair.service().receive(Deadline.in(LONG)).orElseThrow();
  }

  private JsonNode received() throws IOException {
    try (var delivery = receive()) {
      return ((ServiceMessage.Request) delivery.message()).args();
    }
  }

  /// Sends messages until there is no more room.
  private int fill() throws IOException {
    for (int sent = 0; ; sent++) {
      try {
        pair.host()
            .send(new ServiceMessage.Request("m", json("[]")), List.of(), Deadline.in(SHORT));
      } catch (DeadlineException full) {
        return sent;
      }
    }
  }

  @Test
  void changesAfterSendingDoNotReachTheReceiver() throws IOException {
    var value = NODES.objectNode().put("a", 1);
    var inner = value.putArray("inner").add("x");
    send(value);
    value.put("a", 2);
    inner.add("y");
    assertThat(received()).isEqualTo(json("{\"a\":1,\"inner\":[\"x\"]}"));
  }

  @Test
  void numbersArriveAsTheyWouldOverASocket() throws IOException {
    for (var number :
        List.<JsonNode>of(
            NODES.numberNode(5L),
            NODES.numberNode((short) 5),
            NODES.numberNode(1.0f),
            NODES.numberNode(java.math.BigInteger.TEN),
            NODES.numberNode(new java.math.BigDecimal("5.0")))) {
      send(NODES.arrayNode().add(number));
      assertThat(received()).isEqualTo(json("[" + number + "]"));
    }
  }

  @Test
  void aMessageThatASocketRefusesIsRefusedAndTheNextOneArrives() throws IOException {
    JsonNode deep = NODES.arrayNode();
    for (int i = 0; i < 300; i++) {
      deep = NODES.arrayNode().add(deep);
    }
    for (var value :
        List.of(deep, NODES.numberNode(Double.NaN), NODES.numberNode(Float.NEGATIVE_INFINITY))) {
      assertThatThrownBy(() -> send(value)).isInstanceOf(MessageException.class);
    }
    try (var file = memfd("f")) {
      assertThatThrownBy(() -> send(json("[]"), Collections.nCopies(253, file)))
          .isInstanceOf(MessageException.class);
      send(json("[1]"), Collections.nCopies(252, file));
      try (var delivery = receive()) {
        assertThat(delivery.descriptors()).hasSize(252).allMatch(Fd::isValid);
      }
      assertThat(file.isValid()).isTrue();
    }
    assertThat(pair.service().ready()).isFalse();
  }

  @Test
  void aDescriptorLivesAsLongAsEitherSideHasIt() throws IOException {
    var file = memfd("text");
    send(json("[]"), List.of(file, file));
    file.close();
    try (var delivery = receive()) {
      var first = delivery.descriptors().getFirst();
      first.close();
      try (var moved = delivery.descriptors().get(1).move()) {
        delivery.close();
        assertThat(contents(moved)).isEqualTo("text");
      }
    }
  }

  @Test
  void oneClosedDescriptorPreventsTheSend() throws IOException {
    var closed = memfd("closed");
    closed.close();
    try (var good = memfd("good")) {
      assertThatThrownBy(() -> send(json("[]"), List.of(good, closed)))
          .isInstanceOf(IllegalStateException.class);
      assertThat(pair.service().ready()).isFalse();
      assertThat(good.isValid()).isTrue();
    }
  }

  @Test
  void messagesThatAreNotReceivedAreClosed() throws IOException {
    try (var file = memfd("f")) {
      for (int i = 0; i < 10; i++) {
        send(json("[]"), List.of(file));
      }
    }
    pair.service().close();
    assertThatThrownBy(() -> send(json("[]"))).isInstanceOf(ClosedChannelException.class);
  }

  @Test
  void messagesSentBeforeTheEndArriveBeforeTheEnd() throws IOException {
    send(json("[1]"));
    send(json("[2]"));
    pair.host().close();
    assertThat(received()).isEqualTo(json("[1]"));
    assertThat(received()).isEqualTo(json("[2]"));
    assertThat(pair.service().receive(Deadline.in(LONG))).isEmpty();
    assertThat(pair.service().receive(Deadline.in(LONG))).isEmpty();
    assertThat(pair.service().ready()).isTrue();
  }

  @Test
  void aReceiverEndsAtItsDeadlineByInterruptAndByTheEnd() throws Exception {
    assertThatThrownBy(() -> pair.service().receive(Deadline.in(SHORT)))
        .isInstanceOf(DeadlineException.class);
    var begun = new CountDownLatch(1);
    var interrupted =
        Background.startPlatform(() -> {
          Thread.currentThread().interrupt();
          begun.countDown();
          assertThatThrownBy(() -> pair.service().receive(Deadline.in(LONG)))
              .isInstanceOf(InterruptedIOException.class);
          return Thread.currentThread().isInterrupted();
        });
    begun.await();
    assertThat(interrupted.get()).isTrue();
    var waiting = Background.startPlatform(() -> pair.service().receive(Deadline.in(LONG)));
    pair.host().shutdown();
    assertThat(waiting.get()).isEmpty();
  }

  @Test
  void aThreadThatWaitsForAMessageLeavesItAndEndsAtItsDeadlineByInterruptAndByTheEnd()
      throws Exception {
    var deadline = Deadline.in(SHORT);
    assertThatThrownBy(() -> pair.service().awaitReady(deadline))
        .isInstanceOf(DeadlineException.class);
    var interrupted = Background.startPlatform(this::awaitReady).awaitWaiting();
    interrupted.interrupt();
    assertThatThrownBy(() -> interrupted.get()).isInstanceOf(InterruptedIOException.class);
    var waiting = Background.startPlatform(this::awaitReady).awaitWaiting();
    send(json("[1]"));
    assertThat(waiting.get()).isTrue();
    assertThat(received()).isEqualTo(json("[1]"));
    var ending = Background.startPlatform(this::awaitReady).awaitWaiting();
    pair.host().close();
    assertThat(ending.get()).isTrue();
  }

  private boolean awaitReady() throws IOException {
    pair.service().awaitReady(Deadline.in(LONG));
    return pair.service().ready();
  }

  @Test
  void aSenderWithoutRoomEndsAtItsDeadlineByInterruptAndByTheEnd() throws Exception {
    int room = fill();
    assertThat(room).isPositive();
    try (var file = memfd("f")) {
      var interrupted =
          Background.startPlatform(() -> {
            Thread.currentThread().interrupt();
            assertThatThrownBy(() -> send(json("[]"), List.of(file)))
                .isInstanceOf(InterruptedIOException.class);
            return Thread.currentThread().isInterrupted();
          });
      assertThat(interrupted.get()).isTrue();
      var waiting =
          Background.startPlatform(() -> {
            send(json("[]"), List.of(file));
            return true;
          });
      pair.service().close();
      assertThatThrownBy(() -> waiting.get()).isInstanceOf(ClosedChannelException.class);
      assertThat(file.isValid()).isTrue();
    }
  }

  @Test
  void eachFreePlaceWakesAWaitingSender() throws Exception {
    int room = fill();
    var waiting = new ArrayList<Background<Boolean>>();
    for (int i = 0; i < 10; i++) {
      waiting.add(
          Background.startPlatform(() -> {
            send(json("[]"));
            return true;
          }));
    }
    for (int i = 0; i < room + 10; i++) {
      receive().close();
    }
    for (var each : waiting) {
      assertThat(each.get()).isTrue();
    }
    assertThat(pair.service().ready()).isFalse();
  }

  @Test
  void moreSignalsThanThereIsRoomForAllReachTheListener() throws Exception {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client = manager.start("many", new SampleService(() -> {}));
      var heard = new ArrayList<JsonNode>();
      Background.bounded(() -> {
        client
            .callWithFds(
                "signals", json("[500]"), List.of(), (value, descriptors) -> heard.add(value), LONG)
            .close();
        return true;
      });
      assertThat(heard).hasSize(500);
      assertThat(heard.getLast()).isEqualTo(json("499"));
      manager.finish();
    }
  }

  @Test
  void aListenerThatNeverReturnsDoesNotPreventTheStopOfTheManager() throws Exception {
    var enough = new CountDownLatch(1);
    var manager = Support.manager(OutputListener.NONE, SHORT);
    var client = manager.start("many", new SampleService(() -> {}));
    var heard = new CountDownLatch(1);
    try (var file = memfd("f")) {
      var call =
          Background.startPlatform(() ->
              client.callWithFds(
                  "signals",
                  json("[500]"),
                  List.of(file),
                  (value, descriptors) -> {
                    heard.countDown();
                    try {
                      enough.await();
                    } catch (InterruptedException interrupt) {
                      throw new IOException(interrupt);
                    }
                  },
                  LONG));
      heard.await();
      try {
        Background.bounded(() -> {
          manager.finish();
          return true;
        });
      } finally {
        enough.countDown();
      }
      assertThatThrownBy(() -> call.get()).isInstanceOf(ServiceEndedException.class);
    }
  }
}
