package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Processes;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A JVM that ends without closing its managers: the services are stopped, in order, and nothing
/// keeps the JVM for long.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(240)
@Tag("slow")
class EndOfTheJvmTest {
  private static final List<String> IN_ORDER =
      List.of("stopped before", "second process", "second thread", "first thread", "first process");

  @TempDir Path directory;

  private Process jvm;

  @BeforeEach
  void writeTheService() throws IOException {
    Support.pythonService(directory);
  }

  @AfterEach
  void endTheJvm() throws Exception {
    if (jvm != null) {
      Programs.end(jvm);
    }
  }

  /// Starts a JVM, and waits until its services run.
  private void start(String how) throws IOException {
    jvm =
        new ProcessBuilder(Programs.java(EndingJvm.class, directory.toString(), how))
            .redirectError(directory.resolve("errors").toFile())
            .start();
    var line = new StringBuilder();
    for (int c = jvm.getInputStream().read();
        c >= 0 && c != '\n';
        c = jvm.getInputStream().read()) {
      line.append((char) c);
    }
    assertThat(line).as(errors()).hasToString("ready");
  }

  private String errors() throws IOException {
    return Files.readString(directory.resolve("errors"));
  }

  private void send(Signal signal) throws IOException {
    try (var pidfd = Processes.pidfdOpen((int) jvm.pid()).orElseThrow()) {
      Processes.pidfdSendSignal(pidfd, signal);
    }
  }

  /// @return the exit status, as in a shell
  private int status() throws InterruptedException {
    assertThat(jvm.waitFor(LONG.toSeconds(), TimeUnit.SECONDS)).as("the JVM ends").isTrue();
    return jvm.exitValue();
  }

  private List<String> log() throws IOException {
    var log = directory.resolve("log");
    return Files.exists(log) ? Files.readAllLines(log, StandardCharsets.UTF_8) : List.of();
  }

  private void awaitLog(String line) {
    Eventually.holds(() -> log().contains(line));
  }

  private void go() throws IOException {
    Files.createFile(directory.resolve("go"));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 15})
  void aSignalStopsAllServicesInOrder(int number) throws Exception {
    var signal = new Signal(number);
    start("sleep");
    send(signal);
    assertThat(status()).isEqualTo(128 + signal.number());
    assertThat(log()).isEqualTo(IN_ORDER);
    assertThat(errors()).isEmpty();
  }

  @Test
  void anExitStopsAllServicesInOrder() throws Exception {
    start("exit");
    assertThat(status()).isEqualTo(7);
    assertThat(log()).isEqualTo(IN_ORDER);
  }

  @Test
  void theEndOfTheLastThreadStopsAllServicesInOrder() throws Exception {
    start("return");
    assertThat(status()).isZero();
    assertThat(log()).isEqualTo(IN_ORDER);
  }

  @Test
  void anExitInAServiceIsBoundedAndStopsTheOthers() throws Exception {
    start("exit in a service");
    assertThat(status()).isEqualTo(7);
    Eventually.holds(() -> log().equals(List.of("a")));
    assertThat(errors()).contains("service b does not stop");
  }

  @Test
  void theEndWaitsForARunningClose() throws Exception {
    start("closing");
    awaitLog("begun");
    send(Signal.TERM);
    awaitShutdown();
    go();
    assertThat(status()).isEqualTo(143);
    assertThat(log()).containsExactly("begun", "slow", "last");
  }

  @Test
  void theEndWaitsForARunningStopOfOneService() throws Exception {
    start("stopping one");
    awaitLog("begun");
    send(Signal.TERM);
    awaitShutdown();
    go();
    assertThat(status()).isEqualTo(143);
    assertThat(log()).containsExactly("begun", "slow", "other");
  }

  /// Waits until the thread of the shutdown hook has started.
  private void awaitShutdown() {
    var tasks = Path.of("/proc", Long.toString(jvm.pid()), "task");
    Eventually.holds(() -> {
      try (var threads = Files.newDirectoryStream(tasks)) {
        for (var thread : threads) {
          if (Files.readString(thread.resolve("comm")).strip().equals("caisson-stop")) {
            return true;
          }
        }
      } catch (IOException ended) {
        // A thread or the process has ended.
      }
      return false;
    });
  }

  @Test
  void aClosedManagerIsNotClosedAgain() throws Exception {
    start("closed");
    send(Signal.TERM);
    assertThat(status()).isEqualTo(143);
    assertThat(log()).containsExactly("a");
    assertThat(errors()).isEmpty();
  }

  @Test
  void aStopThatNeverReturnsDoesNotKeepTheJvm() throws Exception {
    start("hanging");
    send(Signal.TERM);
    assertThat(status()).isEqualTo(143);
    // The last service stops at the end of its connection at the latest.
    awaitLog("a");
    assertThat(log()).containsExactly("c", "a");
    assertThat(errors()).contains("service hanging does not stop");
  }

  @Test
  void aManagerWhoseLockIsHeldForEverDoesNotKeepTheJvm() throws Exception {
    start("locked");
    send(Signal.TERM);
    assertThat(status()).isEqualTo(143);
    awaitLog("a");
  }

  @Test
  void anExecutableStopsByItselfAfterAKill() throws Exception {
    start("sleep");
    send(Signal.KILL);
    assertThat(status()).isEqualTo(137);
    awaitLog("first process");
    awaitLog("second process");
    assertThat(log())
        .as("services in the JVM cannot")
        .containsExactlyInAnyOrder("stopped before", "first process", "second process");
  }

  @Test
  void anExecutableInAMethodStopsByItselfWhenTheMethodReturns() throws Exception {
    start("in a method");
    send(Signal.KILL);
    assertThat(status()).isEqualTo(137);
    assertThat(log()).isEmpty();
    go();
    awaitLog("process");
    assertThat(log()).containsExactly("process");
  }

  @Test
  void aManagerIsGarbageOnceItHasNoServices() throws Exception {
    var closed = new WeakReference<>(new ServiceManager(OutputListener.NONE, LONG));
    closed.get().start("a", new SampleService(() -> {}));
    closed.get().close();
    var forgotten = new WeakReference<>(new ServiceManager(OutputListener.NONE, LONG));
    forgotten.get().start("a", new SampleService(() -> {}));
    forgotten.get().stop("a", Duration.ofMinutes(1));
    Eventually.holds(() -> {
      System.gc();
      return closed.get() == null && forgotten.get() == null;
    });
  }
}
