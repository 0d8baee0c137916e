package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static dev.caisson.sandbox.Support.SHORT;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Runs in the background, and their endings.
@Requires(Need.BUBBLEWRAP)
class StartedRunTest extends SingleRuns {
  private BuildRoot buildRoot;
  private Path fifo;

  @BeforeEach
  void make() throws IOException {
    buildRoot = buildRoot();
    fifo = Support.fifo(aside, "fifo");
  }

  @AfterEach
  void close() throws IOException {
    buildRoot.close();
  }

  private Run script(String text) {
    return shell(text).bind(Bind.readWrite(fifo, "/fifo"));
  }

  /// A run that reports its start, and lasts.
  private StartedRun lasting() throws IOException {
    var started = buildRoot.start(script("echo up > /fifo; sleep 1000"));
    assertThat(Support.awaitLine(fifo)).isEqualTo("up");
    return started;
  }

  @Test
  void itGoesOnBesideItsCallerAndHasAResult() throws Exception {
    try (var root = BuildRoot.create(Path.of("/"), work)) {
      // @start region="start"
      try (var run = root.start(Run.of("echo", "done"))) {
        // Other work, meanwhile.
        var result = run.waitFor(Duration.ofMinutes(1));
        assertThat(result.text()).isEqualTo("done\n");
      }
      // @end
    }
  }

  @Test
  void manyRunsGoOnAtOnce() throws IOException {
    var all = new ArrayList<StartedRun>();
    for (int number = 0; number < 8; number++) {
      all.add(buildRoot.start(shell("exit " + number)));
    }
    for (int number = 0; number < all.size(); number++) {
      assertThat(all.get(number).waitFor().ending()).isEqualTo(new RunResult.Exited(number));
    }
  }

  @Test
  void aTimeoutOfAWaiterDoesNotEndIt() throws IOException {
    try (var started = lasting()) {
      assertThatThrownBy(() -> started.waitFor(Duration.ofMillis(10)))
          .isInstanceOf(DeadlineException.class)
          .hasMessageContaining("sleep 1000");
      assertThat(started.isAlive()).isTrue();
    }
  }

  @Test
  void anInterruptOfAWaiterDoesNotEndIt() throws Exception {
    try (var started = lasting()) {
      var waiter =
          Background.start(() -> {
            try {
              return started.waitFor().toString();
            } catch (InterruptedIOException interrupt) {
              return Thread.interrupted() ? "interrupted" : "not interrupted any more";
            }
          });
      waiter.interrupt();
      assertThat(waiter.get()).isEqualTo("interrupted");
      assertThat(started.isAlive()).isTrue();
    }
  }

  @Test
  void anInterruptedThreadCanStartOneAndStaysInterrupted() throws IOException {
    Thread.currentThread().interrupt();
    try (var started = buildRoot.start(shell("exit 3"))) {
      assertThat(Thread.interrupted()).isTrue();
      assertThat(started.waitFor(LONG).ending()).isEqualTo(new RunResult.Exited(3));
    }
  }

  @Test
  void cancellingEndsItAndIsIdempotent() throws IOException {
    var started = lasting();
    started.cancel();
    started.cancel();
    assertThat(started.waitFor(LONG).ending()).isEqualTo(new RunResult.Cancelled());
    assertThat(started.isAlive()).isFalse();
    started.cancel();
    assertThat(ProcessTable.with(marker)).isEmpty();
  }

  @Test
  void aRunThatDoesNotEndWhenAskedIsKilled() throws IOException {
    var started =
        buildRoot.start(script("trap '' TERM; echo up > /fifo; while :; do sleep 1000; done"));
    assertThat(Support.awaitLine(fifo)).isEqualTo("up");
    started.cancel();
    assertThat(started.waitFor(LONG).ending()).isEqualTo(new RunResult.Cancelled());
  }

  @Test
  void closingItEndsItAndWaits() throws IOException {
    var started = lasting();
    started.close();
    assertThat(started.isAlive()).isFalse();
    assertThat(ProcessTable.with(marker)).isEmpty();
    started.close();
    assertThat(started.waitFor().ending()).isEqualTo(new RunResult.Cancelled());
  }

  /// A run with all capabilities has its own device nodes, which the build root's thread mounts.
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void closingTheBuildRootEndsIt(boolean mighty) throws IOException {
    var run = script("trap '' TERM; echo up > /fifo; while :; do sleep 1000; done");
    var started = buildRoot.start(mighty ? run.allCapabilities() : run);
    assertThat(Support.awaitLine(fifo)).isEqualTo("up");
    buildRoot.close();
    assertThat(started.isAlive()).as("the run has ended when close() returns").isFalse();
    assertThat(ProcessTable.with(marker)).isEmpty();
    assertThat(started.waitFor().ending()).isEqualTo(new RunResult.Cancelled());
  }

  @Test
  void finishingABuildRootIsClosingItTwice() throws IOException {
    buildRoot.run(shell("echo x > /var/file"));
    buildRoot.finish();
    buildRoot.finish();
    assertThat(work).isEmptyDirectory();
    assertThat(buildRoot.toString()).startsWith("build root of / by ").endsWith(", closed");
  }

  /// A mount in the directory prevents the deletion.
  @Test
  @Requires(Need.ROOT)
  void filesThatCannotBeDeletedAreReportedByFinishOnly() throws Exception {
    Path mounted;
    try (var entries = java.nio.file.Files.list(work)) {
      mounted = java.nio.file.Files.createDirectory(entries.findFirst().orElseThrow().resolve("x"));
    }
    Programs.run("mount", "-t", "tmpfs", "caisson-test", mounted.toString());
    try {
      buildRoot.close();
      assertThatThrownBy(buildRoot::finish).isInstanceOf(IOException.class);
    } finally {
      Programs.run("umount", mounted.toString());
    }
    buildRoot.finish();
    assertThat(work).isEmptyDirectory();
  }

  @Test
  void aCallbackCanCloseTheBuildRoot() throws Exception {
    try (var started = lasting()) {
      var closed =
          started
              .onExit()
              .thenApply(result -> {
                buildRoot.close();
                return result;
              });
      started.cancel();
      assertThat(closed.get(1, TimeUnit.MINUTES).ending()).isEqualTo(new RunResult.Cancelled());
    }
  }

  @Test
  void aClosedBuildRootStartsNothing() throws IOException {
    buildRoot.close();
    assertThatThrownBy(() -> buildRoot.start(shell("true")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the build root is closed");
  }

  @Test
  void itsDeadlineEndsIt() throws IOException {
    try (var started = buildRoot.start(shell("sleep 1000").deadline(SHORT))) {
      assertThat(started.waitFor(LONG).ending()).isEqualTo(new RunResult.TimedOut(SHORT));
    }
  }

  @Test
  void dependentStagesReceiveTheResult() throws Exception {
    try (var started = buildRoot.start(script("echo up > /fifo; exit 4"))) {
      var status =
          started
              .onExit()
              .thenApply(result -> {
                assertThat(Thread.currentThread().isInterrupted()).isFalse();
                return result.ending();
              });
      assertThat(Support.awaitLine(fifo)).isEqualTo("up");
      assertThat(status.get(1, TimeUnit.MINUTES)).isEqualTo(new RunResult.Exited(4));
    }
  }

  @Test
  void cancellingTheFutureDoesNotEndTheRun() throws IOException {
    try (var started = lasting()) {
      assertThat(started.onExit().cancel(true)).isTrue();
      assertThat(started.isAlive()).isTrue();
      assertThat(started.onExit()).isNotDone();
    }
  }

  @Test
  void aRunThatCannotBeStartedIsRefusedByStart() {
    assertThatThrownBy(() -> buildRoot.start(shell("true").stdin(aside.resolve("missing"))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("missing");
    assertThatThrownBy(
            () -> buildRoot.start(shell("true").endpoint(endpoint("a")).endpoint(endpoint("a"))))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aSetupThatFailsIsAResult() throws IOException {
    try (var started = buildRoot.start(shell("true").directory("/no/such/directory"))) {
      assertThat(started.waitFor(LONG).ending()).isInstanceOf(RunResult.SetupFailed.class);
    }
    try (var started = buildRoot.start(Run.of("/no/such/command"))) {
      assertThat(started.waitFor(LONG).ending()).isInstanceOf(RunResult.NotExecuted.class);
    }
  }

  @Test
  void itsTextSaysHowItGoes() throws IOException {
    var started = lasting();
    assertThat(started.toString()).startsWith("run of [").endsWith("], which goes on");
    started.close();
    assertThat(started.toString()).endsWith("], which was cancelled");
  }

  @Test
  void aLateFailureReachesAllWaiters() throws IOException {
    try (var started =
        new StartedRun(
            java.util.List.of("x"),
            onStart -> {
              onStart.run();
              throw new IOException("lost");
            },
            _ -> {})) {
      started.begin();
      assertThatThrownBy(started::waitFor).isInstanceOf(IOException.class).hasMessage("lost");
      assertThatThrownBy(() -> started.onExit().join())
          .isInstanceOf(CompletionException.class)
          .hasRootCauseMessage("lost");
      assertThat(started).hasToString("run of [x], which failed: lost");
    }
  }

  @Test
  void aCommandIsTalkedToThroughItsStreams() throws Exception {
    var script = "while read line; do echo \"got $line\"; echo \"saw $line\" >&2; done; echo end";
    try (var run = buildRoot.start(shell(script).streams());
        var output = new BufferedReader(new InputStreamReader(run.stdout(), UTF_8));
        var errors = new BufferedReader(new InputStreamReader(run.stderr(), UTF_8))) {
      try (var input = run.stdin()) {
        for (var word : List.of("one", "two")) {
          input.write((word + "\n").getBytes(UTF_8));
          assertThat(output.readLine()).isEqualTo("got " + word);
          assertThat(errors.readLine()).isEqualTo("saw " + word);
        }
      }
      assertThat(output.readLine()).isEqualTo("end");
      assertThat(output.readLine()).isNull();
      assertThat(errors.readLine()).isNull();
      assertThat(run.waitFor(LONG).ending()).isEqualTo(new RunResult.Exited(0));
    }
  }

  @Test
  void streamsCarryMoreThanPipesHold() throws Exception {
    var bytes = new byte[3_000_000];
    new Random(1).nextBytes(bytes);
    try (var run = buildRoot.start(shell("cat").streams())) {
      var writing =
          Background.start(() -> {
            try (var input = run.stdin()) {
              input.write(bytes);
            }
            return true;
          });
      assertThat(run.stdout().readAllBytes()).isEqualTo(bytes);
      assertThat(writing.get(LONG)).isTrue();
      assertThat(run.waitFor(LONG).ending()).isEqualTo(new RunResult.Exited(0));
    }
  }

  @Test
  void aCommandWhoseOutputIsClosedLosesItsReader() throws Exception {
    try (var run = buildRoot.start(Run.of("yes").streams())) {
      run.stdout().close();
      assertThat(run.waitFor(LONG).ending()).isInstanceOf(RunResult.Signalled.class);
    }
  }

  @Test
  void closingItEndsACommandWhoseStreamsAreNotUsed() throws Exception {
    var run = buildRoot.start(shell("yes").streams());
    run.close();
    assertThat(run.isAlive()).isFalse();
  }

  @Test
  void streamsAreForRunsThatAreStartedWithThem() throws Exception {
    assertThatThrownBy(() -> buildRoot.run(shell("true").streams()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("BuildRoot.start");
    try (var run = buildRoot.start(shell("true"))) {
      assertThatThrownBy(run::stdout)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("Run.streams()");
    }
  }
}
