package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// What managers and clients report about services, and how services are stopped and found.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(180)
class ManagerTest {
  @TempDir Path directory;

  private Path program;

  @BeforeEach
  void writeTheService() throws IOException {
    program = Support.pythonService(directory);
  }

  private static ServiceManager manager() {
    return Support.manager(OutputListener.NONE, LONG);
  }

  private static Service sample() {
    return new SampleService(() -> {});
  }

  @Test
  void managersClientsAndServicesHaveDescriptions() throws IOException {
    var service = sample();
    assertThat(service).hasToString("SampleService[not started]");
    try (var manager = manager()) {
      assertThat(manager).hasToString("ServiceManager[]");
      var inJvm = manager.start("a", service);
      var process = manager.start("b", program, List.of());
      assertThat(service).hasToString("SampleService[a]");
      assertThat(inJvm).hasToString("ServiceClient[a]");
      assertThat(process).hasToString("ServiceClient[b, pid %d]", process.pid().orElseThrow());
      assertThat(manager).hasToString("ServiceManager[a, b]");
      manager.finish();
      assertThat(manager).hasToString("ServiceManager[closed]");
    }
  }

  @Test
  void aStoppedServiceMayBeStoppedAgain() throws IOException {
    try (var manager = manager()) {
      manager.start("a", program, List.of());
      manager.stop("a");
      manager.stop("a");
      manager.stop("a", SHORT);
      assertThatThrownBy(() -> manager.stop("never"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("never");
      var again = manager.start("a", sample());
      assertThat(again.call("echo", LONG)).isEqualTo(json("[]"));
      manager.finish();
    }
  }

  @Test
  void aServiceThatFinishHasStoppedMayBeStoppedAgain() throws IOException {
    var manager = manager();
    var client = manager.start("a", sample());
    manager.finish();
    manager.stop("a");
    client.stop();
  }

  @Test
  @Tag("slow")
  void theIdsOfTheLastTenThousandStoppedServicesAreRemembered() throws IOException {
    try (var manager = manager()) {
      for (int i = 0; i <= 10_000; i++) {
        manager.start("id " + i, sample());
        manager.stop("id " + i);
      }
      manager.stop("id 1");
      manager.stop("id 10000");
      assertThatThrownBy(() -> manager.stop("id 0")).isInstanceOf(IllegalArgumentException.class);
      manager.finish();
    }
  }

  @Test
  void aManagerRunsUntilItIsClosed() throws IOException {
    var manager = manager();
    assertThat(manager.isRunning()).isTrue();
    manager.start("a", sample());
    manager.finish();
    assertThat(manager.isRunning()).isFalse();
    assertThatThrownBy(() -> manager.start("b", sample()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void aClientStopsItsServiceOnceAndNoLaterOneWithTheSameId() throws IOException {
    try (var manager = manager()) {
      var first = manager.start("a", program, List.of());
      first.stop();
      first.stop();
      var second = manager.start("a", program, List.of());
      first.stop();
      first.stop(SHORT);
      assertThat(second.call("echo", json("[1]"), LONG)).isEqualTo(json("[1]"));
      second.stop(LONG);
      assertThatThrownBy(() -> second.call("echo", LONG)).isInstanceOf(ServiceEndedException.class);
      manager.finish();
    }
  }

  @Test
  void theStopOfAClientReportsABadEnd() throws IOException {
    try (var manager = manager()) {
      var client = manager.start("a", program, List.of());
      client.call("at_end", json("{\"status\": 3}"), LONG);
      assertThatThrownBy(client::stop).hasMessageContaining("exited with status 3");
      client.stop();
      manager.finish();
    }
  }

  private static void deaf(ServiceClient client) throws IOException {
    client.call("at_end", json("{\"deaf\": true}"), LONG);
  }

  @Test
  @Tag("slow")
  void eachStopMayHaveItsOwnDuration() throws IOException {
    var manager = manager();
    var one = manager.start("one", program, List.of());
    deaf(one);
    assertThatThrownBy(() -> manager.stop("one", SHORT)).hasMessageContaining("SIGKILL");
    var two = manager.start("two", program, List.of());
    deaf(two);
    assertThatThrownBy(() -> two.stop(SHORT)).hasMessageContaining("SIGKILL");
    deaf(manager.start("three", program, List.of()));
    assertThatThrownBy(() -> manager.finish(SHORT)).hasMessageContaining("SIGKILL");
  }

  @Test
  void aNegativeDurationIsRefusedAndNothingIsStopped() throws IOException {
    var negative = Duration.ofMillis(-1);
    assertThatThrownBy(() -> new ServiceManager(OutputListener.NONE, negative))
        .isInstanceOf(IllegalArgumentException.class);
    try (var manager = manager()) {
      var client = manager.start("a", sample());
      assertThatThrownBy(() -> manager.stop("a", negative))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> client.stop(negative)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> manager.finish(negative))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(manager.isRunning()).isTrue();
      assertThat(client.call("echo", LONG)).isEqualTo(json("[]"));
      manager.finish();
    }
  }

  @Test
  void aDurationMayBeInfinite() throws IOException {
    var forever = ChronoUnit.FOREVER.getDuration();
    try (var manager = new ServiceManager(OutputListener.NONE, forever)) {
      manager.start("a", program, List.of()).stop(forever);
      manager.start("b", sample());
      manager.stop("b", forever);
      assertThat(manager.start("c", sample()).call("echo", forever)).isEqualTo(json("[]"));
      manager.finish(forever);
    }
  }

  @Test
  void aFinishWaitsForARunningFinish() throws Exception {
    var begun = new CountDownLatch(1);
    var go = new CountDownLatch(1);
    var manager = manager();
    manager.start(
        "slow",
        new SampleService(() -> {
          begun.countDown();
          try {
            go.await();
          } catch (InterruptedException interrupt) {
            throw new IllegalStateException(interrupt);
          }
        }));
    var first =
        Background.startPlatform(() -> {
          manager.finish();
          return true;
        });
    begun.await();
    var second =
        Background.startPlatform(() -> {
          manager.finish();
          return go.getCount();
        });
    second.awaitWaiting();
    go.countDown();
    assertThat(second.get()).as("the second finish has waited").isZero();
    assertThat(first.get()).isTrue();
  }

  @Test
  @Tag("slow")
  void aShorterStopForcesARunningStop() throws Exception {
    try (var manager = manager()) {
      var client = manager.start("a", program, List.of());
      deaf(client);
      var patient = stopping(client).awaitWaiting();
      assertThatThrownBy(() -> client.stop(SHORT)).hasMessageContaining("SIGKILL");
      assertThat(patient.get()).as("the bad end has been reported only once").isTrue();
      manager.finish();
    }
  }

  @Test
  @Tag("slow")
  void anInterruptedStopForcesARunningStop() throws Exception {
    try (var manager = manager()) {
      var client = manager.start("a", program, List.of());
      deaf(client);
      var patient = stopping(client).awaitWaiting();
      var interrupted =
          Background.startPlatform(() -> {
            Thread.currentThread().interrupt();
            assertThatThrownBy(client::stop).hasMessageContaining("SIGKILL");
            return Thread.interrupted();
          });
      assertThat(interrupted.get()).as("the interrupt stays set").isTrue();
      assertThat(patient.get()).isTrue();
      manager.finish();
    }
  }

  private static Background<Boolean> stopping(ServiceClient client) {
    return Background.startPlatform(() -> {
      client.stop(LONG);
      return true;
    });
  }

  @Test
  void thePidIsThatOfTheCurrentProcess() throws Exception {
    try (var manager = manager()) {
      var thread = manager.start("thread", sample());
      assertThat(thread.pid()).isEmpty();
      var process = manager.start("process", program, List.of());
      int pid = process.call("at_end", json("{}"), LONG).intValue();
      assertThat(process.pid()).hasValue(pid);
      manager.restart("process");
      int next = process.call("at_end", json("{}"), LONG).intValue();
      assertThat(process.pid()).hasValue(next).isNotEqualTo(pid);
      try (var pidfd = Processes.pidfdOpen(next).orElseThrow()) {
        process.stop();
        Processes.awaitEnd(pidfd, LONG);
      }
      assertThat(process.pid()).isEmpty();
      manager.finish();
    }
  }

  private ServiceManager withPath(String path) {
    return new ServiceManager(
        OutputListener.NONE, SpawnThread.shared(), Map.of("PATH", path), LONG);
  }

  private Path bare(String where) throws IOException {
    var place = Files.createDirectory(directory.resolve(where));
    return Programs.executable(
        place.resolve("bare"),
        "#!/bin/sh\nexport WHERE=%s\nexec %s \"$@\"\n".formatted(where, program));
  }

  private static String where(ServiceClient client) throws IOException {
    return client.call("about", LONG).at("/environment/WHERE").stringValue();
  }

  @Test
  void aBareNameIsLookedUpInThePathOfTheService() throws IOException {
    bare("first");
    bare("second");
    Files.createDirectories(directory.resolve("none/bare"));
    var usual = ":/usr/bin:/bin";
    try (var manager =
        withPath(directory.resolve("none") + ":" + directory.resolve("first") + usual)) {
      var name = Path.of("bare");
      assertThat(where(manager.start("a", name, List.of()))).isEqualTo("first");
      var second = ServiceSpec.executable(name).env("PATH", directory.resolve("second") + usual);
      assertThat(where(manager.start("b", second))).isEqualTo("second");
    }
  }

  @Test
  void theErrorNamesABareNameThatIsNotFound() throws IOException {
    Files.writeString(directory.resolve("text"), "not executable");
    try (var manager = withPath("/no/such:" + directory)) {
      assertThatThrownBy(() -> manager.start("a", Path.of("bare"), List.of()))
          .isInstanceOfSatisfying(
              SystemCallException.class,
              failure -> {
                assertThat(failure.errno()).isEqualTo(Errno.ENOENT);
                assertThat(failure)
                    .hasMessageContaining("\"bare\"")
                    .hasMessageContaining("/no/such");
              });
      assertThatThrownBy(() -> manager.start("a", Path.of("text"), List.of()))
          .isInstanceOfSatisfying(
              SystemCallException.class,
              failure -> assertThat(failure.errno()).isEqualTo(Errno.EACCES));
      assertThatThrownBy(() -> manager.start("a", Path.of("./service.py"), List.of()))
          .as("a path is not looked up")
          .isInstanceOf(SystemCallException.class);
    }
  }

  @Test
  void withoutAListenerTheOutputIsPrintedWithItsOrigin() throws IOException {
    var out = new ByteArrayOutputStream();
    var before = System.out;
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    try (var manager = new ServiceManager()) {
      var client = manager.start("an id", program, List.of());
      client.call("print", json("[\"68656c6c6f0a\"]"), LONG);
      Eventually.holds(() -> out.size() > 0);
      manager.finish();
    } finally {
      System.setOut(before);
    }
    assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo("an id (service.py): hello\n");
  }
}
