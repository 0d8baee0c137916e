package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.ByteSize;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// An interrupt or a deadline at any moment of a run, or of making a build root: the result says
/// so, the thread stays interrupted, and nothing is left.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
@Tag("stress")
class InterruptedRunTest extends SingleRuns {
  private static final long SEED = Long.getLong("caisson.test.seed", System.nanoTime());

  static Stream<Arguments> moments() {
    System.out.println("-Dcaisson.test.seed=" + SEED);
    var random = new Random(SEED);
    return IntStream.range(0, 40)
        .mapToObj(number ->
            Arguments.of(
                number % 2 == 0 ? Privilege.ROOT : Privilege.USER_NAMESPACE,
                number % 3 == 0 ? "lasts" : "ends",
                random.nextInt(60_000)));
  }

  /// One interrupt at any moment of a run: the run is cancelled, or has already ended.
  @ParameterizedTest
  @MethodSource("moments")
  void anInterruptAtAnyMomentCancelsTheRun(Privilege privilege, String kind, int micros)
      throws Exception {
    try (var buildRoot = BuildRoot.create(Path.of("/"), work, privilege)) {
      var begun = new CountDownLatch(1);
      var task =
          Background.startPlatform(() -> {
            begun.countDown();
            var result =
                buildRoot.run(
                    shell(kind.equals("ends") ? "exit 3" : "sleep 1000")
                        .endpoint(endpoint("one"))
                        .limits(ResourceLimits.none().memory(ByteSize.mib(256)).pids(32))
                        .network(Network.brokered(NetworkPolicy.NONE, one -> {})));
            return result.ending();
          });
      begun.await();
      LockSupport.parkNanos(micros * 1000L);
      task.interrupt();
      assertThat(task.get()).isIn(new RunResult.Cancelled(), new RunResult.Exited(3));
    }
  }

  /// The interrupt comes during the second in which the command may end.
  @ParameterizedTest
  @ValueSource(strings = {"deadline", "interrupt"})
  void anInterruptWhileTheCommandIsAskedToEndIsNoException(String first) throws Exception {
    var fifo = Support.fifo(aside, "fifo");
    try (var buildRoot = buildRoot()) {
      var run =
          shell(
                  "trap 'echo asked > /fifo; trap \"\" TERM; sleep 1000' TERM;"
                      + " echo up > /fifo; while :; do sleep 0.05; done")
              .deadline(first.equals("deadline") ? Duration.ofSeconds(3) : LONG)
              .bind(Bind.readWrite(fifo, "/fifo"));
      var task =
          Background.startPlatform(() -> {
            var ending = buildRoot.run(run).ending();
            assertThat(Thread.currentThread().isInterrupted()).isTrue();
            return ending;
          });
      assertThat(Support.awaitLine(fifo)).isEqualTo("up");
      if (first.equals("interrupt")) {
        task.interrupt();
      }
      assertThat(Support.awaitLine(fifo)).isEqualTo("asked");
      task.interrupt();
      assertThat(task.get()).isInstanceOfAny(RunResult.Cancelled.class, RunResult.TimedOut.class);
    }
  }

  static Stream<Arguments> momentsOfTheMaking() {
    System.out.println("-Dcaisson.test.seed=" + SEED);
    var random = new Random(SEED);
    return IntStream.range(0, 24)
        .mapToObj(number ->
            Arguments.of(
                number % 2 == 0 ? Privilege.ROOT : Privilege.USER_NAMESPACE,
                number % 3 == 0 ? "ends" : "lasts",
                random.nextInt(60_000)));
  }

  /// One interrupt at any moment of making a build root: it is complete, or nothing is left.
  @ParameterizedTest
  @MethodSource("momentsOfTheMaking")
  void anInterruptAtAnyMomentOfTheMakingLeavesNothing(Privilege privilege, String kind, int micros)
      throws Exception {
    var begun = new CountDownLatch(1);
    var task =
        Background.startPlatform(() -> {
          begun.countDown();
          BuildRoot.create(Path.of("/"), work, privilege).close();
          return "made";
        });
    begun.await();
    LockSupport.parkNanos(micros * 100L);
    task.interrupt();
    try {
      assertThat(task.get()).isEqualTo("made");
    } catch (InterruptedIOException | ClosedByInterruptException interrupted) {
      assertThat(kind).isNotEmpty();
    }
  }

  @Test
  void aDeadlineOfZeroHasPassed() throws IOException {
    try (var buildRoot = buildRoot()) {
      var result = buildRoot.run(shell("trap '' TERM; sleep 1000").deadline(Duration.ZERO));
      assertThat(result.ending()).isEqualTo(new RunResult.TimedOut(Duration.ZERO));
    }
  }

  @Test
  void aDeadlineOfZeroHasPassedForARunThatIsHeldBack() throws IOException {
    try (var buildRoot = buildRoot()) {
      var run =
          shell("trap '' TERM; sleep 1000")
              .network(Network.brokered(NetworkPolicy.NONE, one -> {}))
              .limits(ResourceLimits.none().pids(16))
              .deadline(Duration.ZERO);
      assertThat(buildRoot.run(run).ending()).isEqualTo(new RunResult.TimedOut(Duration.ZERO));
    }
  }

  @Test
  void aCommandWhoseDeadlinePassesWhileItsSandboxIsMadeIsAskedToEndAsSoonAsItRuns()
      throws IOException {
    var texts = new ArrayList<String>();
    try (var buildRoot = buildRoot()) {
      // On a busy machine the command may be killed before it can answer.
      for (int i = 0; i < 10 && !texts.contains("") && !texts.contains("begun\nasked\n"); i++) {
        var result =
            buildRoot.run(
                shell("trap 'echo asked; exit 0' TERM; echo begun; while :; do :; done")
                    .deadline(Duration.ZERO));
        assertThat(result.ending()).isEqualTo(new RunResult.TimedOut(Duration.ZERO));
        texts.add(result.text());
      }
    }
    assertThat(texts).containsAnyOf("", "begun\nasked\n");
  }
}
