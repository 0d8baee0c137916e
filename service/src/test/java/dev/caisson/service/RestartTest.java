package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Exit;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// Services that end by themselves: the end is noticed, and the service is restarted or not.
@Requires(Need.PYTHON)
@ExtendWith(NoLeaks.class)
@Timeout(240)
@SuppressWarnings("try") // the test closes early on purpose
class RestartTest {
  private static final Duration HOUR = Duration.ofHours(1);

  @TempDir Path directory;

  private final Ends ends = new Ends();
  private Path program;

  @BeforeEach
  void writeTheProgram() throws IOException {
    program = Support.pythonService(directory);
  }

  private ServiceManager manager() {
    return Support.manager(OutputListener.NONE, LONG);
  }

  private ServiceSpec spec() {
    return ServiceSpec.executable(program).onEnd(ends);
  }

  private static long pid(ServiceClient client) throws IOException {
    return client.call("at_end", json("{}"), LONG).longValue();
  }

  private static void kill(long pid) {
    assertThat(ProcessHandle.of(pid).orElseThrow().destroyForcibly()).isTrue();
  }

  /// Calls until an answer comes: between an end and the next start calls fail.
  private static JsonNode retried(ServiceClient client, String method) throws Exception {
    long until = System.nanoTime() + LONG.toNanos();
    while (true) {
      try {
        return client.call(method, json("{}"), LONG);
      } catch (ServiceEndedException notYet) {
        if (System.nanoTime() - until > 0) {
          throw notYet;
        }
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void aKillBetweenCallsIsNoticedAndTheServiceRestarted() throws Exception {
    try (var manager = manager()) {
      var client = manager.start("a", spec().restart(Restart.atMost(10, HOUR)));
      for (int i = 1; i <= 3; i++) {
        long before = retried(client, "at_end").longValue();
        kill(before);
        assertThat(ends.await(i)).isInstanceOf(ServiceEndedException.class);
        assertThat(((ServiceEndedException) ends.await(i)).exit())
            .get()
            .isInstanceOfSatisfying(
                Exit.Signalled.class, exit -> assertThat(exit.signal()).isEqualTo(Signal.KILL));
        assertThat(retried(client, "at_end").longValue()).isNotEqualTo(before);
      }
      manager.finish();
    }
    assertThat(ends.count()).isEqualTo(3);
  }

  @Test
  void theEndOfAServiceWithoutRestartIsReported() throws Exception {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client = manager.start("a", spec());
      kill(pid(client));
      assertThat(ends.await(1)).hasMessageContaining("a");
      assertThatThrownBy(() -> client.call("nothing", json("[]"), LONG))
          .isInstanceOf(ServiceEndedException.class);
      assertThatThrownBy(() -> manager.stop("a")).isInstanceOf(ServiceEndedException.class);
      // The id can be used again.
      assertThat(manager.start("a", program, List.of()).call("nothing", json("[]"), LONG).isNull())
          .isTrue();
      manager.finish();
    }
    assertThat(ends.count()).isEqualTo(1);
  }

  @Test
  void aServiceThatEndsTooOftenIsNotRestarted() throws Exception {
    var manager = manager();
    try {
      var client = manager.start("a", spec().restart(Restart.atMost(2, HOUR)));
      for (int i = 1; i <= 3; i++) {
        kill(retried(client, "at_end").longValue());
        ends.await(i);
      }
      assertThatThrownBy(() -> client.call("nothing", json("[]"), LONG))
          .isInstanceOf(ServiceEndedException.class);
      // A manual restart still works, and the next end is noticed again.
      assertThatThrownBy(() -> manager.restart("a")).isInstanceOf(ServiceEndedException.class);
      kill(pid(client));
      ends.await(4);
    } finally {
      Hostility.stop(manager);
    }
  }

  @Test
  void endsBeforeTheWindowDoNotCount() throws Exception {
    try (var manager = manager()) {
      // The window is so short that each end lies before it.
      var client = manager.start("a", spec().restart(Restart.atMost(1, Duration.ofNanos(1))));
      for (int i = 1; i <= 4; i++) {
        kill(retried(client, "at_end").longValue());
        ends.await(i);
      }
      assertThat(retried(client, "nothing").isNull()).isTrue();
      manager.finish();
    }
  }

  @Test
  void aPendingCallFailsAndIsNotRepeated() throws Exception {
    var marker = directory.resolve("calls");
    try (var manager = manager();
        var pipe = Pipe.pipe2()) {
      var client = manager.start("a", spec().restart(Restart.atMost(5, HOUR)));
      long pid = pid(client);
      var waiting = new CountDownLatch(1);
      var call =
          Background.startPlatform(() ->
              client.callWithFds(
                  "wait",
                  json("[]"),
                  List.of(pipe.read()),
                  (value, descriptors) -> {
                    Files.writeString(
                        marker,
                        "called\n",
                        java.nio.file.StandardOpenOption.CREATE,
                        java.nio.file.StandardOpenOption.APPEND);
                    waiting.countDown();
                  },
                  LONG));
      waiting.await();
      kill(pid);
      assertThatThrownBy(() -> call.get())
          .isInstanceOf(ServiceEndedException.class)
          .hasMessageContaining("SIGKILL");
      assertThat(retried(client, "nothing").isNull()).isTrue();
      assertThat(Files.readAllLines(marker)).containsExactly("called");
      manager.finish();
    }
  }

  @Test
  void afterAMissedDeadlineANewRunAnswersTheNextCall() throws Exception {
    try (var manager = manager();
        var pipe = Pipe.pipe2()) {
      var client = manager.start("a", spec().restart(Restart.atMost(5, HOUR)));
      long before = pid(client);
      assertThatThrownBy(() ->
              client.callWithFds(
                  "wait", json("[]"), List.of(pipe.read()), SignalListener.NONE, SHORT))
          .isInstanceOf(DeadlineException.class);
      pipe.write().close();
      ends.await(1);
      assertThat(retried(client, "at_end").longValue()).isNotEqualTo(before);
      manager.finish();
    }
  }

  @Test
  void aManualRestartIsNotReportedAsAnEndAndTheClientStaysUsable() throws Exception {
    try (var manager = manager()) {
      var client = manager.start("a", spec().env("GREETING", "hello"));
      long before = pid(client);
      manager.restart("a");
      assertThat(pid(client)).isNotEqualTo(before);
      assertThat(client.call("about", json("[]"), LONG).get("environment").get("GREETING"))
          .isEqualTo(json("\"hello\""));
      assertThatThrownBy(() -> manager.restart("b"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("b");
      manager.stop("a");
      assertThatThrownBy(() -> manager.restart("a")).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> client.call("nothing", json("[]"), LONG))
          .isInstanceOf(ServiceEndedException.class);
      manager.finish();
    }
    assertThat(ends.count()).isZero();
  }

  @Test
  void aManualRestartReportsABadEndOfTheOldRunAndTheNewOneRuns() throws Exception {
    try (var manager = manager()) {
      var client = manager.start("a", spec());
      client.call("at_end", json("{\"status\": 3}"), LONG);
      assertThatThrownBy(() -> manager.restart("a"))
          .isInstanceOf(ServiceEndedException.class)
          .hasMessageContaining("3");
      assertThat(client.call("nothing", json("[]"), LONG).isNull()).isTrue();
      manager.finish();
    }
  }

  @Test
  void aVariableOfTheSpecOverridesThatOfTheManager() throws Exception {
    try (var manager = manager()) {
      var client = manager.start("a", spec().env("LC_ALL", "C").env("EMPTY", ""));
      var environment = client.call("about", json("[]"), LONG).get("environment");
      assertThat(environment.get("LC_ALL")).isEqualTo(json("\"C\""));
      assertThat(environment.get("EMPTY")).isEqualTo(json("\"\""));
      assertThat(environment.get("PATH").stringValue()).contains("/bin");
      manager.finish();
    }
  }

  @Test
  void aFailedRestartIsReportedAndTheServiceCanBeStopped() throws Exception {
    var manager = manager();
    try {
      var client = manager.start("a", spec().restart(Restart.atMost(5, HOUR)));
      long pid = pid(client);
      Files.delete(program);
      kill(pid);
      assertThat(ends.await(2)).hasMessageContaining("cannot be started again");
      assertThatThrownBy(() -> client.call("nothing", json("[]"), LONG))
          .isInstanceOf(ServiceEndedException.class);
      assertThatThrownBy(() -> manager.restart("a")).isInstanceOf(SystemCallException.class);
    } finally {
      Background.bounded(() -> {
        Hostility.stop(manager);
        return true;
      });
    }
  }

  @Test
  void closingWhileAServiceEndsRepeatedlyLeaksNothing() throws Exception {
    var dying = directory.resolve("dying");
    Files.writeString(dying, "#!/bin/sh\nexit 3\n");
    Files.setPosixFilePermissions(
        dying, java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-xr-x"));
    for (int round = 1; round <= 10; round++) {
      var manager = manager();
      var own = new Ends();
      for (int i = 0; i < 3; i++) {
        manager.start(
            "a" + i,
            ServiceSpec.executable(dying).onEnd(own).restart(Restart.atMost(100_000, HOUR)));
      }
      own.await(round * 3);
      Hostility.stop(manager);
      int told = own.count();
      // After the close no further end can be reported, except one that was being reported.
      assertThat(told).isGreaterThanOrEqualTo(round * 3);
    }
  }

  @Test
  void aBlockingListenerDoesNotPreventStops() throws Exception {
    var enough = new CountDownLatch(1);
    var told = new CountDownLatch(1);
    var manager = manager();
    try {
      var client =
          manager.start(
              "a",
              ServiceSpec.executable(program)
                  .restart(Restart.atMost(5, HOUR))
                  .onEnd((id, how) -> {
                    told.countDown();
                    try {
                      enough.await();
                    } catch (InterruptedException interrupt) {
                      Thread.currentThread().interrupt();
                    }
                  }));
      var other = manager.start("b", spec());
      kill(pid(client));
      told.await();
      assertThat(other.call("nothing", json("[]"), LONG).isNull()).isTrue();
      Background.bounded(() -> {
        Hostility.stop(manager);
        return true;
      });
    } finally {
      enough.countDown();
    }
  }

  @Test
  void aListenerMayStopOrRestartTheServiceThatEnded() throws Exception {
    try (var manager = manager()) {
      var results = Collections.synchronizedList(new ArrayList<String>());
      var stopped = new CountDownLatch(2);
      for (var id : List.of("stopping", "restarting")) {
        var client =
            manager.start(
                id,
                ServiceSpec.executable(program)
                    .restart(Restart.atMost(5, HOUR))
                    .onEnd((which, how) -> {
                      try {
                        if (which.equals("stopping")) {
                          manager.stop(which);
                        } else {
                          manager.restart(which);
                        }
                      } catch (IOException killed) {
                        results.add(which);
                      } finally {
                        stopped.countDown();
                      }
                    }));
        kill(pid(client));
      }
      assertThat(stopped.await(LONG.toSeconds(), java.util.concurrent.TimeUnit.SECONDS)).isTrue();
      assertThat(results).containsExactlyInAnyOrder("stopping", "restarting");
      assertThatThrownBy(() -> manager.restart("stopping"))
          .as("the service does not run")
          .isInstanceOf(IllegalArgumentException.class);
      manager.finish();
    }
  }

  @Test
  void theLastStartedStillStopsFirstAfterARestart() throws Exception {
    var order = directory.resolve("order");
    try (var manager = manager()) {
      var clients = new ArrayList<ServiceClient>();
      for (var id : List.of("a", "b", "c")) {
        clients.add(manager.start(id, spec()));
      }
      manager.restart("a");
      manager.restart("b");
      for (var client : clients) {
        client.call("at_end", json("{\"append\": \"" + order + "\"}"), LONG);
      }
      manager.finish();
    }
    assertThat(Files.readAllLines(order)).containsExactly("c", "b", "a");
  }

  @Test
  void anAnswerBeyondTheLimitsEndsTheConnectionAndRestartsTheService() throws Exception {
    try (var manager = manager()) {
      var client =
          manager.start(
              "a", spec().limits(new Limits(1000, 5, 5)).restart(Restart.atMost(5, HOUR)));
      long before = client.call("open_descriptors", json("[]"), LONG).longValue();
      assertThat(before).isPositive();
      assertThatThrownBy(() -> client.call("sized", json("[5000]"), LONG))
          .isInstanceOf(MessageException.class);
      ends.await(1);
      assertThat(retried(client, "nothing").isNull()).isTrue();
      manager.finish();
    }
  }

  @Test
  void theNumberOfRestartsCannotBeNegative() {
    assertThatThrownBy(() -> Restart.atMost(-1, HOUR)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Restart.atMost(1, HOUR.negated()))
        .isInstanceOf(IllegalArgumentException.class);
  }

  // Services in the JVM

  private static final class Failing extends Service {
    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) {
      if (method.equals("fail")) {
        throw new InternalError("on purpose");
      }
      return Message.of(args);
    }
  }

  @Test
  void aFailedServiceInTheJvmIsRestarted() throws Exception {
    var made = new AtomicInteger();
    try (var manager = manager()) {
      var client =
          manager.start(
              "a",
              ServiceSpec.inJvm(
                      () -> {
                        made.incrementAndGet();
                        return new Failing();
                      })
                  .onEnd(ends)
                  .restart(Restart.atMost(3, HOUR)));
      assertThatThrownBy(() -> client.call("fail", json("[]"), LONG))
          .isInstanceOf(ServiceEndedException.class)
          .hasMessageContaining("on purpose");
      ends.await(1);
      assertThat(retried(client, "echo")).isEqualTo(json("{}"));
      assertThat(made.get()).isEqualTo(2);
      manager.finish();
    }
  }

  @Test
  void aFailingSupplierStartsNoServiceInTheJvm() throws Exception {
    try (var manager = manager()) {
      assertThatThrownBy(() ->
              manager.start(
                  "a",
                  ServiceSpec.inJvm(() -> {
                    throw new IllegalStateException("on purpose");
                  })))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("on purpose");
      assertThat(manager.start("a", new Failing()).call("echo", json("1"), LONG))
          .isEqualTo(json("1"));
      manager.finish();
    }
  }

  @Test
  void aFailedRestartInTheJvmIsReported() throws Exception {
    var made = new AtomicInteger();
    var manager = manager();
    var client =
        manager.start(
            "a",
            ServiceSpec.inJvm(
                    () -> {
                      if (made.incrementAndGet() > 1) {
                        throw new IllegalStateException("no more of these");
                      }
                      return new Failing();
                    })
                .onEnd(ends)
                .restart(Restart.atMost(3, HOUR)));
    assertThatThrownBy(() -> client.call("fail", json("[]"), LONG))
        .isInstanceOf(ServiceEndedException.class);
    assertThat(ends.await(2)).hasMessageContaining("no more of these");
    assertThatThrownBy(() -> client.call("echo", json("[]"), LONG))
        .isInstanceOf(ServiceEndedException.class);
    Hostility.stop(manager);
  }

  @Test
  void aServiceGivenAsAnObjectCannotBeRestarted() throws Exception {
    try (var manager = manager()) {
      manager.start("a", new Failing());
      assertThatThrownBy(() -> manager.restart("a"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("serves once");
      manager.finish();
    }
  }
}
