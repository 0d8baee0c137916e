package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Message;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The destination of signals, for every kind of service: the listener of their call, the standing
/// listener, or the listener of the next call.
@ExtendWith(NoLeaks.class)
@Timeout(180)
abstract class SignalContract {
  private static final SignalListener DEAF = (value, descriptors) -> {};

  /// Far more signals than a connection holds.
  private static final String WITHOUT_END = "[1000000000]";

  @TempDir Path directory;

  private final Heard heard = new Heard();
  private final List<Throwable> reported = Collections.synchronizedList(new ArrayList<>());
  private Thread.UncaughtExceptionHandler before;
  private ServiceManager manager;

  abstract ServiceSpec spec() throws IOException;

  @BeforeEach
  void start() {
    before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> reported.add(thrown));
    manager = Support.manager(OutputListener.NONE, LONG);
  }

  /// Also checks after each test that the service ends well.
  @AfterEach
  void stop() throws IOException {
    Thread.setDefaultUncaughtExceptionHandler(before);
    manager.finish();
  }

  private ServiceClient started() throws IOException {
    return manager.start("sample", spec());
  }

  private ServiceClient listenedTo() throws IOException {
    return manager.start("sample", spec().onSignal(heard));
  }

  private static String[] numbers(int count) {
    return IntStream.range(0, count).mapToObj(Integer::toString).toArray(String[]::new);
  }

  private static Message call(ServiceClient client, String method, String args, SignalListener to)
      throws IOException {
    return client.callWithFds(method, json(args), List.of(), to, LONG);
  }

  @Test
  void aSignalBetweenCallsReachesTheStandingListenerAtOnce() throws Exception {
    var client = listenedTo();
    try (var later = new Later(client, "[3]")) {
      assertThat(heard.all()).isEmpty();
      later.emit();
      assertThat(heard.await(3)).containsExactly(numbers(3));
    }
    try (var later = new Later(client, "[2]")) {
      later.emit();
      assertThat(heard.await(5)).containsExactly("0", "1", "2", "0", "1");
    }
    assertThat(client.call("echo", json("[1]"), LONG)).isEqualTo(json("[1]"));
  }

  @Test
  void withoutAStandingListenerTheNextCallReceivesEarlierSignalsBeforeItIsSent() throws Exception {
    var passed = Collections.synchronizedList(new ArrayList<String>());
    var client =
        manager.start(
            "sample",
            spec()
                .onMessage((id, message) ->
                    passed.add(message.json().at("/type").stringValue() + message.direction())));
    try (var later = new Later(client, "[3]")) {
      later.emit();
      later.awaitEmitted();
      passed.clear();
      call(client, "echo", "[1]", heard).close();
    }
    assertThat(heard.all()).containsExactly(numbers(3));
    assertThat(passed)
        .containsExactly(
            "signalTO_HOST", "signalTO_HOST", "signalTO_HOST", "methodTO_SERVICE", "replyTO_HOST");
  }

  @Test
  void aCallWithoutAListenerDropsEarlierSignals() throws Exception {
    var client = started();
    try (var file = memfd("file");
        var later = new Later(client, "[3]", file)) {
      later.emit();
      later.awaitEmitted();
      assertThat(client.call("echo", json("[1]"), LONG)).isEqualTo(json("[1]"));
      call(client, "echo", "[2]", heard).close();
    }
    assertThat(heard.all()).isEmpty();
  }

  @Test
  void theSignalsOfACallGoOnlyToItsListener() throws Exception {
    var own = new Heard();
    var client = listenedTo();
    call(client, "signals", "[3]", own).close();
    assertThat(own.all()).containsExactly(numbers(3));
    assertThat(heard.all()).isEmpty();
  }

  @Test
  void theSignalsOfACallWithoutAListenerGoToTheStandingListener() throws Exception {
    var client = listenedTo();
    assertThat(client.call("signals", json("[3]"), LONG)).isEqualTo(json("\"done\""));
    assertThat(heard.all()).as("before the call returns").containsExactly(numbers(3));
  }

  @Test
  void descriptorsOfASignalBetweenCallsAreClosedUnlessTheyAreMovedOut() throws Exception {
    var left = Collections.synchronizedList(new ArrayList<Fd>());
    var moved = new AtomicReference<Fd>();
    var client =
        manager.start(
            "sample",
            spec()
                .onSignal((value, descriptors) -> {
                  heard.signal(value, descriptors);
                  moved.set(descriptors.get(0).move());
                  left.add(descriptors.get(1));
                }));
    try (var one = memfd("one");
        var two = memfd("two");
        var later = new Later(client, "[1]", one, two)) {
      later.emit();
      assertThat(heard.await(1)).containsExactly("0 one two");
      Eventually.holds(() -> left.size() == 1 && !left.getFirst().isOpen());
      assertThat(Support.contents(moved.get())).isEqualTo("one");
    } finally {
      moved.get().close();
    }
  }

  @Test
  void exceptionsOfTheStandingListenerAreReportedAndHaveNoOtherEffect() throws Exception {
    var failures =
        List.of(new IOException("1"), new IllegalStateException("2"), new AssertionError("3"));
    var client =
        manager.start(
            "sample",
            spec()
                .onSignal((value, descriptors) -> {
                  heard.signal(value, descriptors);
                  switch (failures.get(heard.all().size() % 3)) {
                    case IOException failure -> throw failure;
                    case RuntimeException failure -> throw failure;
                    case Throwable failure -> throw (Error) failure;
                  }
                }));
    try (var later = new Later(client, "[6]")) {
      later.emit();
      assertThat(heard.await(6)).containsExactly(numbers(6));
    }
    assertThat(client.call("signals", json("[3]"), LONG)).isEqualTo(json("\"done\""));
    assertThat(heard.all()).hasSize(9);
    assertThat(reported).hasSize(9).containsAll(failures);
  }

  @Test
  void theStandingListenerCannotCallItsServiceAndGetsAnError() throws Exception {
    var calling = new AtomicReference<ServiceClient>();
    calling.set(
        manager.start(
            "sample",
            spec()
                .onSignal((value, descriptors) -> {
                  heard.signal(value, descriptors);
                  calling.get().call("echo", LONG);
                })));
    try (var later = new Later(calling.get(), "[1]")) {
      later.emit();
      heard.await(1);
      assertThat(calling.get().call("echo", json("[1]"), LONG)).isEqualTo(json("[1]"));
    }
    assertThat(reported)
        .singleElement()
        .isInstanceOfSatisfying(
            IllegalStateException.class,
            refused -> assertThat(refused).hasMessageContaining("on another thread"));
  }

  @Test
  void theStandingListenerMayStopItsService() throws Exception {
    var stopping = new AtomicReference<ServiceClient>();
    stopping.set(
        manager.start(
            "sample",
            spec()
                .onSignal((value, descriptors) -> {
                  stopping.get().stop();
                  heard.signal(value, List.of());
                })));
    try (var later = new Later(stopping.get(), "[1]")) {
      later.emit();
      heard.await(1);
    }
    assertThatThrownBy(() -> stopping.get().call("echo", LONG))
        .isInstanceOf(ServiceEndedException.class);
    assertThat(reported).isEmpty();
  }

  @Test
  void theStandingListenerStaysAfterARestart() throws Exception {
    var client = listenedTo();
    for (int round = 1; round <= 3; round++) {
      try (var later = new Later(client, "[2]")) {
        later.emit();
        assertThat(heard.await(2 * round)).hasSize(2 * round);
      }
      manager.restart("sample");
    }
  }

  @Test
  void theListeningThreadEndsWithTheService() throws Exception {
    var client = listenedTo();
    try (var later = new Later(client, "[1]")) {
      later.emit();
      heard.await(1);
    }
    manager.stop("sample");
    assertThat(heard.thread().orElseThrow().join(LONG)).isTrue();
  }

  @Test
  void theListeningThreadEndsWithAConnectionThatACallHasEnded() throws Exception {
    var client = listenedTo();
    try (var later = new Later(client, "[1]")) {
      later.emit();
      heard.await(1);
    }
    try (var pipe = Pipe.pipe2()) {
      assertThatThrownBy(
              () -> client.callWithFds("wait", json("[]"), List.of(pipe.read()), DEAF, SHORT))
          .isInstanceOf(DeadlineException.class);
      assertThat(heard.thread().orElseThrow().join(LONG)).isTrue();
    }
  }

  @Test
  void manyCallsAndManySignalsDoNotBlockEachOther() throws Exception {
    var client = listenedTo();
    var calls = new ArrayList<Background<Integer>>();
    try (var later = new Later(client, "[2000]")) {
      for (int t = 0; t < 4; t++) {
        calls.add(
            Background.start(() -> {
              int right = 0;
              for (int i = 0; i < 250; i++) {
                right +=
                    client.call("echo", json("[" + i + "]"), LONG).get(0).intValue() == i ? 1 : 0;
              }
              return right;
            }));
      }
      later.emit();
      for (var call : calls) {
        assertThat(call.get()).isEqualTo(250);
      }
      assertThat(heard.await(2000)).containsExactly(numbers(2000));
    }
  }

  @Test
  void endlessSignalsDoNotBlockCalls() throws Exception {
    var client = listenedTo();
    try (var later = new Later(client, WITHOUT_END)) {
      later.emit();
      heard.await(1000);
      for (int i = 0; i < 50; i++) {
        assertThat(client.call("echo", json("[1]"), LONG)).isEqualTo(json("[1]"));
      }
      client.stop();
    }
  }

  /// The listener is slower than the service, so that another signal is always waiting.
  @Test
  void endlessSignalsDoNotBlockCallsWithTheirOwnListener() throws Exception {
    var client = started();
    SignalListener slow =
        (value, descriptors) -> {
          heard.signal(value, descriptors);
          long until = System.nanoTime() + 50_000;
          while (System.nanoTime() < until) {
            Thread.onSpinWait();
          }
        };
    try (var later = new Later(client, WITHOUT_END)) {
      later.emit();
      while (heard.all().size() < 600) {
        call(client, "echo", "[1]", slow).close();
      }
      client.stop();
    }
    assertThat(heard.all()).startsWith(numbers(600));
  }

  @Test
  void endlessCallsDoNotBlockSignals() throws Exception {
    var client = listenedTo();
    var enough = new AtomicBoolean();
    var calls = new ArrayList<Background<Boolean>>();
    try (var later = new Later(client, "[100]")) {
      for (int t = 0; t < 4; t++) {
        calls.add(
            Background.start(() -> {
              while (!enough.get()) {
                call(client, "echo", "[1]", DEAF).close();
              }
              return true;
            }));
      }
      later.emit();
      later.awaitEmitted();
    } finally {
      enough.set(true);
    }
    for (var call : calls) {
      assertThat(call.get()).isTrue();
    }
    assertThat(reported).isEmpty();
  }

  @Test
  void aStandingListenerThatNeverReturnsBlocksNoStop() throws Exception {
    var enough = new CountDownLatch(1);
    var begun = new CountDownLatch(1);
    var client =
        manager.start(
            "sample",
            spec()
                .onSignal((value, descriptors) -> {
                  begun.countDown();
                  try {
                    enough.await();
                  } catch (InterruptedException interrupt) {
                    throw new IOException(interrupt);
                  }
                }));
    try (var later = new Later(client, "[1]")) {
      later.emit();
      begun.await();
      assertThatThrownBy(() -> client.call("echo", json("[1]"), SHORT))
          .isInstanceOf(DeadlineException.class);
      Background.bounded(() -> {
        client.stop();
        return true;
      });
    } finally {
      enough.countDown();
    }
  }
}
