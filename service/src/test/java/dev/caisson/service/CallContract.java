package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.contents;
import static dev.caisson.service.Support.drop;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.MessageException;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.SystemCallException;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
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
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The behaviour of calls, for every kind of service.
@ExtendWith(NoLeaks.class)
abstract class CallContract {
  private static final SignalListener DEAF = (value, descriptors) -> {};

  @TempDir Path directory;

  private ServiceManager manager;
  private ServiceClient client;

  abstract ServiceClient start(ServiceManager with) throws IOException;

  abstract String nameOfFailure();

  @BeforeEach
  void startTheService() throws IOException {
    manager = Support.manager(OutputListener.NONE, LONG);
    client = start(manager);
  }

  /// Also checks after each test that the service ends well.
  @AfterEach
  void stopTheService() throws IOException {
    manager.finish();
  }

  private JsonNode call(String method, String args) throws IOException {
    return client.call(method, json(args), LONG);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "{}",
        "null",
        "true",
        "\"\"",
        "[1, -2, 3.5, 1e300, 12345678901234567890123]",
        "{\"nested\": {\"list\": [[[]], {}]}, \"\": null}",
        "\"\\u0000\\u001f \\\" \\\\ / \\u00e9 \\u20ac \\ud83d\\ude00\"",
        "\"<args-via-fd>\""
      })
  void aCallIsAnsweredWithItsValue(String args) throws IOException {
    assertThat(call("echo", args)).isEqualTo(json(args));
  }

  @Test
  void nullIsAReplyLikeAnyOther() throws IOException {
    assertThat(call("nothing", "[]").isNull()).isTrue();
    assertThat(call("echo", "[1]")).isEqualTo(json("[1]"));
  }

  @ParameterizedTest
  @ValueSource(ints = {60_000, 65_536, 100_000, 300_000, 5_000_000})
  void aReplyOfAnySizeArrives(int size) throws IOException {
    assertThat(call("sized", "[" + size + "]").stringValue()).hasSize(size);
  }

  @ParameterizedTest
  @ValueSource(ints = {60_000, 65_536, 100_000, 300_000, 5_000_000})
  void argumentsOfAnySizeArrive(int size) throws IOException {
    var args = json("[\"" + "y".repeat(size) + "\"]");
    assertThat(client.call("echo", args, LONG)).isEqualTo(args);
  }

  @Test
  void descriptorsKeepTheirOrderInBothDirections() throws IOException {
    try (var first = memfd("first");
        var second = memfd("second");
        var reply = client.callWithFds("echo", json("[7]"), List.of(first, second), DEAF, LONG)) {
      assertThat(reply.value()).isEqualTo(json("[7]"));
      assertThat(reply.descriptors()).hasSize(2);
      assertThat(contents(reply.descriptors().get(0))).isEqualTo("first");
      assertThat(contents(reply.descriptors().get(1))).isEqualTo("second");
      assertThat(contents(first)).as("the caller keeps what it sent").isEqualTo("first");
    }
  }

  @Test
  void aLargeMessageCarriesDescriptorsToo() throws IOException {
    var args = json("\"" + "z".repeat(6_000_000) + "\"");
    try (var one = memfd("one");
        var reply = client.callWithFds("echo", args, List.of(one), DEAF, LONG)) {
      assertThat(reply.value()).isEqualTo(args);
      assertThat(contents(reply.descriptors().getFirst())).isEqualTo("one");
    }
  }

  @Test
  void asManyDescriptorsAsAMessageCanCarryGoBothWays() throws IOException {
    try (var one = memfd("many")) {
      var many = new ArrayList<Fd>();
      for (int i = 0; i < 252; i++) {
        many.add(one);
      }
      try (var reply = client.callWithFds("echo", json("[]"), many, DEAF, LONG)) {
        assertThat(reply.descriptors()).hasSize(252);
        assertThat(contents(reply.descriptors().getLast())).isEqualTo("many");
      }
    }
  }

  @Test
  void oneDescriptorTooManyIsRefused() throws IOException {
    try (var one = memfd("many")) {
      var many = new ArrayList<Fd>();
      for (int i = 0; i < 253; i++) {
        many.add(one);
      }
      assertThatThrownBy(() -> client.callWithFds("echo", json("[]"), many, DEAF, LONG))
          .isInstanceOf(MessageException.class);
    }
  }

  @Test
  void callDropsTheDescriptorsOfTheAnswer() throws IOException {
    assertThat(call("signals", "[3]")).isEqualTo(json("\"done\""));
  }

  @Test
  void signalsComeInOrderBeforeTheAnswer() throws IOException {
    var heard = new ArrayList<Integer>();
    try (var reply =
        client.callWithFds(
            "signals",
            json("[1000]"),
            List.of(),
            (value, descriptors) -> heard.add(value.intValue()),
            LONG)) {
      assertThat(reply.value()).isEqualTo(json("\"done\""));
    }
    assertThat(heard).hasSize(1000).isSorted().startsWith(0).endsWith(999);
  }

  @Test
  void descriptorsOfASignalAreClosedUnlessTheyAreMovedOut() throws IOException {
    var kept = new ArrayList<Fd>();
    var left = new ArrayList<Fd>();
    try (var one = memfd("one");
        var two = memfd("two");
        var reply =
            client.callWithFds(
                "signals",
                json("[2]"),
                List.of(one, two),
                (value, descriptors) -> {
                  assertThat(contents(descriptors.get(1))).isEqualTo("two");
                  kept.add(descriptors.get(0).move());
                  left.add(descriptors.get(1));
                },
                LONG)) {
      assertThat(reply.descriptors()).isEmpty();
      assertThat(kept).hasSize(2);
      assertThat(contents(kept.getLast())).isEqualTo("one");
      assertThat(left).hasSize(2).noneMatch(Fd::isOpen);
    } finally {
      drop(kept);
    }
  }

  @Test
  void aFailingMethodThrowsAtTheCallerAndTheServiceKeepsRunning() throws IOException {
    assertThatThrownBy(() -> call("fail", "[\"no r\\u00f6om\"]"))
        .isInstanceOfSatisfying(
            RemoteException.class,
            failure -> {
              assertThat(failure.name()).isEqualTo(nameOfFailure());
              assertThat(failure.value()).isEqualTo("no röom");
              assertThat(failure.backtrace()).isNotEmpty();
              assertThat(failure)
                  .hasMessage(
                      "%s: %s: no röom\n%s"
                          .formatted(
                              client.id(), nameOfFailure(), failure.backtrace().stripTrailing()));
            });
    assertThat(call("echo", "[2]")).isEqualTo(json("[2]"));
  }

  @Test
  void anUnknownMethodThrowsAtTheCaller() throws IOException {
    assertThatThrownBy(() -> call("no_such", "[]")).isInstanceOf(RemoteException.class);
    assertThat(call("echo", "[2]")).isEqualTo(json("[2]"));
  }

  @Test
  void aFailingMethodLeaksNoDescriptors() throws IOException {
    int before = call("open_descriptors", "[]").intValue();
    try (var one = memfd("one")) {
      for (int i = 0; i < 20; i++) {
        assertThatThrownBy(
                () -> client.callWithFds("fail", json("[\"x\"]"), List.of(one, one), DEAF, LONG))
            .isInstanceOf(RemoteException.class);
      }
    }
    // If each call leaked its two descriptors there would be forty. Loading a class may open one or
    // two.
    assertThat(call("open_descriptors", "[]").intValue()).isLessThan(before + 20);
  }

  @Test
  void exceptionsOfTheSignalListenerReachTheCaller() throws Exception {
    assertThatThrownBy(() ->
            Background.bounded(() ->
                client.callWithFds(
                    "signals",
                    json("[1]"),
                    List.of(),
                    (value, descriptors) ->
                        Fd.open(Path.of("/no/such/file"), OpenFlag.RDWR).close(),
                    LONG)))
        .isInstanceOfSatisfying(
            SystemCallException.class,
            failure -> assertThat(failure).hasMessageContaining("/no/such/file"));
  }

  @Test
  void aDeadlineExceptionOfTheListenerIsNotTakenForThatOfTheCall() {
    assertThatThrownBy(() ->
            client.callWithFds(
                "signals",
                json("[1]"),
                List.of(),
                (value, descriptors) -> {
                  throw new DeadlineException(SHORT, "something else");
                },
                LONG))
        .isInstanceOf(DeadlineException.class)
        .hasMessageContaining("something else");
  }

  @Test
  void aLateAnswerIsNeverTheAnswerToTheNextCall() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      assertThatThrownBy(() ->
              client.callWithFds("wait", json("[\"late\"]"), List.of(pipe.read()), DEAF, SHORT))
          .isInstanceOf(DeadlineException.class)
          .hasMessageContaining(client.id())
          .hasMessageContaining("wait");
      pipe.write().close();
      for (int i = 0; i < 3; i++) {
        assertThatThrownBy(() -> Background.bounded(() -> call("echo", "[\"next\"]")))
            .isInstanceOf(ServiceEndedException.class);
      }
    }
  }

  @Test
  void anInterruptEndsTheCallAndStaysSet() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      var waits = new CountDownLatch(1);
      var task =
          Background.start(() -> {
            assertThatThrownBy(() ->
                    client.callWithFds(
                        "wait",
                        json("[]"),
                        List.of(pipe.read()),
                        (value, descriptors) -> waits.countDown(),
                        LONG))
                .isInstanceOf(InterruptedIOException.class);
            return Thread.interrupted();
          });
      assertThat(waits.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
      task.interrupt();
      assertThat(task.get()).as("the interrupt stays set").isTrue();
      pipe.write().close();
      assertThatThrownBy(() -> Background.bounded(() -> call("echo", "[]")))
          .isInstanceOf(ServiceEndedException.class);
    }
  }

  @Test
  void manyThreadsThatCallOneClientEachGetTheirOwnAnswer() throws Exception {
    var tasks = new ArrayList<Background<Integer>>();
    for (int t = 0; t < 16; t++) {
      int number = t;
      tasks.add(
          Background.startPlatform(() -> {
            int right = 0;
            for (int i = 0; i < 25; i++) {
              var args = JsonNodeFactory.instance.numberNode(number * 1000 + i);
              try (var fd = memfd(args.toString());
                  var reply = client.callWithFds("echo", args, List.of(fd), DEAF, LONG)) {
                boolean same = contents(reply.descriptors().getFirst()).equals(args.toString());
                right += reply.value().equals(args) && same ? 1 : 0;
              }
            }
            return right;
          }));
    }
    for (var task : tasks) {
      assertThat(task.get()).isEqualTo(25);
    }
  }

  @Test
  void aCallThatWaitsForAnotherCallHasADeadline() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      var waits = new CountDownLatch(1);
      var first =
          Background.startPlatform(() -> {
            try (var reply =
                client.callWithFds(
                    "wait",
                    json("[\"first\"]"),
                    List.of(pipe.read()),
                    (value, descriptors) -> waits.countDown(),
                    LONG)) {
              return reply.value();
            }
          });
      assertThat(waits.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
      assertThatThrownBy(() -> client.call("echo", json("[\"second\"]"), SHORT))
          .isInstanceOf(DeadlineException.class);
      pipe.write().close();
      assertThat(first.get()).as("the first call").isEqualTo(json("[\"first\"]"));
      assertThat(call("echo", "[\"third\"]")).isEqualTo(json("[\"third\"]"));
    }
  }

  @Test
  void aThousandCallsLeakNoDescriptors() throws IOException {
    thousandCalls(10);
    long ours = Support.openDescriptors();
    int theirs = call("open_descriptors", "[]").intValue();
    thousandCalls(1000);
    assertThat(call("open_descriptors", "[]").intValue()).isBetween(theirs - 5, theirs + 5);
    assertThat(Support.openDescriptors()).isBetween(ours - 5, ours + 5);
  }

  private void thousandCalls(int times) throws IOException {
    try (var one = memfd("one")) {
      for (int i = 0; i < times; i++) {
        client.callWithFds("echo", json("[]"), List.of(one, one), DEAF, LONG).close();
      }
    }
  }

  @Test
  void stoppingTheServiceEndsThePendingCall() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      var waits = new CountDownLatch(1);
      var call =
          Background.startPlatform(() ->
              client.callWithFds(
                  "wait",
                  json("[]"),
                  List.of(pipe.read()),
                  (value, descriptors) -> {
                    pipe.write().close();
                    waits.countDown();
                    // The answer comes after this call has ended.
                    awaitStop();
                  },
                  LONG));
      assertThat(waits.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
      manager.stop(client.id());
      stopped.countDown();
      assertThatThrownBy(() -> call.get().close()).isInstanceOf(IOException.class);
    }
  }

  private final CountDownLatch stopped = new CountDownLatch(1);

  private void awaitStop() throws IOException {
    try {
      stopped.await(LONG.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException interrupt) {
      throw new IOException(interrupt);
    }
  }

  @Test
  void aCallAfterTheStopFailsWithTheEndOfTheService() throws IOException {
    manager.stop(client.id());
    assertThatThrownBy(() -> Background.bounded(() -> call("echo", "[]")))
        .isInstanceOf(IOException.class);
  }
}
