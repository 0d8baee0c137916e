package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static dev.caisson.sandbox.Support.SHORT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Signal;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Requires;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The end of a run, and the output that is kept.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@ExtendWith(NoLeaks.class)
@Tag("slow")
class RunEndTest {
  @TempDir Path work;

  private BuildRoot buildRoot;
  private String marker;
  private Path fifo;

  @BeforeEach
  void make() throws IOException {
    marker = ProcessTable.marker();
    fifo = Support.fifo(work, "fifo");
    buildRoot = BuildRoot.create(Path.of("/"), work);
  }

  @AfterEach
  void close() throws IOException {
    buildRoot.close();
    Files.delete(fifo);
    assertThat(ProcessTable.with(marker)).as("whatever happened").isEmpty();
    try (var left = Files.list(work)) {
      assertThat(left).isEmpty();
    }
  }

  /// A shell with the marker in its command line.
  private Run shell(String script) {
    return Run.of("/usr/bin/sh", "-c", script, marker)
        .deadline(LONG)
        .bind(Bind.readWrite(fifo, "/fifo"));
  }

  private RunResult.Ending ending(Run run) throws IOException {
    return buildRoot.run(run).ending();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 127, 128, 255})
  void theExitStatusIsReported(int status) throws IOException {
    var result = buildRoot.run(shell("exit " + status));
    assertThat(result.ending()).isEqualTo(new RunResult.Exited(status));
    assertThat(result.success()).isEqualTo(status == 0);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 6, 9, 11, 15})
  void theSignalIsReported(int signal) throws IOException {
    assertThat(ending(shell("kill -" + signal + " $$")))
        .isEqualTo(new RunResult.Signalled(new Signal(signal)));
  }

  @Test
  void aMissingCommandDoesNotSucceed() throws IOException {
    var result = buildRoot.run(Run.of("no-such-command").deadline(LONG));
    assertThat(result.success()).isFalse();
    assertThat(result.ending()).hasToString("was not found in its sandbox: no-such-command");
    assertThat(result.text()).isEmpty();
  }

  @Test
  void aSandboxThatCannotBeMadeIsReported() throws IOException {
    var missing = work.resolve("no such source");
    var result = buildRoot.run(shell("true").bind(Bind.readOnly(missing, "/there")));
    assertThat(result.success()).isFalse();
    assertThat(result.ending())
        .isInstanceOfSatisfying(
            RunResult.SetupFailed.class,
            failed -> assertThat(failed.reason()).contains("no such source"));
  }

  @Test
  void afterAFailureTheBuildRootCanBeUsedAgain() throws IOException {
    assertThat(ending(shell("true").bind(Bind.readOnly(work.resolve("none"), "/there"))))
        .isInstanceOf(RunResult.SetupFailed.class);
    assertThat(ending(shell("sleep 1000").deadline(SHORT))).isInstanceOf(RunResult.TimedOut.class);
    assertThat(ending(shell("exit 5"))).isEqualTo(new RunResult.Exited(5));
  }

  @Test
  void aDeadlineEndsTheCommand() throws IOException {
    assertThat(ending(shell("sleep 1000").deadline(SHORT)))
        .isEqualTo(new RunResult.TimedOut(SHORT));
  }

  @Test
  void aCommandThatObeysSigtermCanSaySoAtItsDeadline() throws IOException {
    var result =
        buildRoot.run(
            shell("trap 'echo asked; exit 0' TERM; echo begun; while :; do sleep 0.05; done")
                .deadline(SHORT));
    assertThat(result.ending()).isEqualTo(new RunResult.TimedOut(SHORT));
    assertThat(result.text()).startsWith("begun\n").endsWith("asked\n");
  }

  @Test
  void aDeadlineEndsACommandThatIgnoresSigterm() throws IOException {
    assertThat(
            ending(
                shell("trap '' TERM INT HUP; echo; while :; do sleep 1000; done").deadline(SHORT)))
        .isEqualTo(new RunResult.TimedOut(SHORT));
  }

  @Test
  void aDeadlineEndsACommandThatNeverStopsPrinting() throws IOException {
    var result = buildRoot.run(shell("trap '' TERM; while :; do echo more; done").deadline(SHORT));
    assertThat(result.ending()).isEqualTo(new RunResult.TimedOut(SHORT));
    assertThat(result.text()).contains("more");
  }

  /// Two forks and a session away from the command, which waits until the grandchild has reported
  /// its start; ignores SIGTERM.
  private Run withGrandchild(String andThen) {
    return Run.of(
            "/usr/bin/python3",
            "-c",
            """
            import os, signal, sys, time
            for sig in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
                signal.signal(sig, signal.SIG_IGN)
            told, tell = os.pipe()
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    open("/fifo", "w").write("away\\n")
                    os.write(tell, b"!")
                    time.sleep(1000)
                os._exit(0)
            os.wait()
            os.read(told, 1)
            """
                + andThen,
            marker)
        .deadline(LONG)
        .bind(Bind.readWrite(fifo, "/fifo"));
  }

  @Test
  void aDeadlineEndsAGrandchildThatWentAway() throws Exception {
    var run =
        Background.startPlatform(() ->
            buildRoot.run(withGrandchild("time.sleep(1000)").deadline(SHORT.multipliedBy(3))));
    assertThat(Support.awaitLine(fifo)).isEqualTo("away");
    assertThat(ProcessTable.with(marker)).hasSizeGreaterThanOrEqualTo(2);
    assertThat(run.get().ending()).isInstanceOf(RunResult.TimedOut.class);
    assertThat(ProcessTable.with(marker)).isEmpty();
  }

  @Test
  void theEndOfTheCommandEndsAGrandchildThatWentAway() throws Exception {
    var run = Background.startPlatform(() -> buildRoot.run(withGrandchild("sys.exit(4)")));
    assertThat(Support.awaitLine(fifo)).isEqualTo("away");
    assertThat(run.get().ending()).isEqualTo(new RunResult.Exited(4));
    assertThat(ProcessTable.with(marker)).isEmpty();
  }

  @Test
  void anInterruptCancelsTheRunAndStaysSet() throws Exception {
    cancelled(shell("echo up > /fifo; sleep 1000"));
  }

  @Test
  void anInterruptCancelsARunThatIgnoresSigterm() throws Exception {
    cancelled(shell("trap '' TERM; echo up > /fifo; while :; do sleep 1000; done"));
  }

  @Test
  void anInterruptCancelsARunWithAGrandchildThatWentAway() throws Exception {
    cancelled(withGrandchild("time.sleep(1000)"));
  }

  @Test
  void anInterruptCancelsARunWithEndpoints() throws Exception {
    cancelled(shell("echo up > /fifo; sleep 1000").endpoint(new ExceptionEndpoint()));
  }

  private void cancelled(Run run) throws Exception {
    var task =
        Background.start(() -> {
          var result = buildRoot.run(run);
          assertThat(Thread.interrupted()).as("the interrupt stays set").isTrue();
          return result;
        });
    Support.awaitLine(fifo);
    task.interrupt();
    var result = task.get();
    assertThat(result.ending()).isEqualTo(new RunResult.Cancelled());
    assertThat(ProcessTable.with(marker)).isEmpty();
  }

  @Test
  void aThreadThatIsInterruptedAlreadyRunsNothingForLong() throws Exception {
    var task =
        Background.startPlatform(() -> {
          Thread.currentThread().interrupt();
          var result = buildRoot.run(shell("trap '' TERM; sleep 1000"));
          assertThat(Thread.interrupted()).isTrue();
          return result;
        });
    assertThat(task.get().ending()).isEqualTo(new RunResult.Cancelled());
  }

  @Test
  void closingTheBuildRootEndsItsRuns() throws Exception {
    var run =
        Background.startPlatform(
            () -> buildRoot.run(shell("trap '' TERM; echo up > /fifo; sleep 1000")));
    assertThat(Support.awaitLine(fifo)).isEqualTo("up");
    buildRoot.close();
    try {
      assertThat(run.get().success()).isFalse();
    } catch (IOException gone) {
      assertThat(gone).isNotNull();
    }
    assertThat(ProcessTable.with(marker)).isEmpty();
  }

  @Test
  void aBuildRootThatIsClosedRunsNothing() throws IOException {
    buildRoot.close();
    assertThatThrownBy(() -> buildRoot.run(shell("true")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the build root is closed");
  }

  // Output

  @Test
  void bothStreamsAreMergedInOrder() throws IOException {
    assertThat(buildRoot.run(shell("echo a; echo b >&2; echo c; printf d >&2")).text())
        .isEqualTo("a\nb\nc\nd");
  }

  @Test
  void bytesOfAnyKindArriveSplitAnywhere() throws IOException {
    var pieces = new ByteArrayOutputStream();
    var result =
        buildRoot.run(
            Run.of(
                    "/usr/bin/python3",
                    "-c",
                    """
                    import os
                    for number in range(2000):
                        os.write(1, bytes([number % 256]) * (number % 7 + 1))
                    """)
                .deadline(LONG)
                .output((bytes, count) -> pieces.write(bytes, 0, count)));
    var expected = new ByteArrayOutputStream();
    for (int number = 0; number < 2000; number++) {
      for (int i = 0; i < number % 7 + 1; i++) {
        expected.write(number % 256);
      }
    }
    assertThat(pieces.toByteArray()).isEqualTo(expected.toByteArray());
    assertThat(Support.bytes(result.output())).isEqualTo(expected.toByteArray());
    assertThat(result.outputBytes()).isEqualTo(expected.size());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 1048575, 1048576, 1048577, 5000000})
  void theLastMebibyteIsKept(int size) throws IOException {
    var result =
        buildRoot.run(
            Run.of(
                    "/usr/bin/python3",
                    "-c",
                    """
                    import sys
                    size = %d
                    data = b"".join(b"%%09d\\n" %% number for number in range(size // 10 + 1))
                    sys.stdout.buffer.write(data[:size])
                    """
                        .formatted(size))
                .deadline(LONG));
    assertThat(result.success()).isTrue();
    assertThat(result.outputBytes()).isEqualTo(size);
    var output = Support.bytes(result.output());
    assertThat(output).hasSize(Math.min(size, 1 << 20));
    int first = size - output.length;
    boolean same = true;
    for (int i = 0; i < output.length; i++) {
      int at = first + i;
      char digit = at % 10 == 9 ? '\n' : String.format("%09d", at / 10).charAt(at % 10);
      if (output[i] != digit) {
        same = false;
        break;
      }
    }
    assertThat(same).as("the last bytes in their order").isTrue();
  }

  @Test
  void nothingIsLostIfTheSinkIsSlow() throws IOException {
    var heard = new ArrayList<Integer>();
    var result =
        buildRoot.run(
            Run.of(
                    "/usr/bin/python3",
                    "-c",
                    "import os\nfor _ in range(10): os.write(1, b'x' * 9000)")
                .deadline(LONG)
                .output((bytes, count) -> {
                  if (heard.isEmpty()) {
                    try {
                      // This simulates a slow sink; no test step waits for it.
                      Thread.sleep(Duration.ofSeconds(3));
                    } catch (InterruptedException interrupt) {
                      Thread.currentThread().interrupt();
                    }
                  }
                  heard.add(count);
                }));
    assertThat(result.outputBytes()).isEqualTo(90_000);
    assertThat(heard.stream().mapToInt(Integer::intValue).sum()).isEqualTo(90_000);
  }

  @Test
  void tooMuchOutputEndsTheCommand() throws IOException {
    var result = buildRoot.run(shell("trap '' TERM; yes").outputLimit(ByteSize.bytes(3_000_000)));
    assertThat(result.ending()).isEqualTo(new RunResult.OutputExceeded(ByteSize.bytes(3_000_000)));
    assertThat(result.output().remaining()).isEqualTo(1 << 20);
    assertThat(result.outputBytes()).isBetween(3_000_000L, 3_100_000L);
  }

  @Test
  void theResultHasACommandLineThatRepeatsTheRun() throws IOException {
    var command = buildRoot.run(shell("exit 3")).command();
    assertThat(command.getFirst()).endsWith("/bwrap");
    assertThat(command).endsWith("/usr/bin/sh", "-c", "exit 3", marker);
    assertThat(command).contains("--unshare-net", "--die-with-parent", "--new-session");
  }

  @Test
  void manyRunsSideBySideEachHaveTheirOwnResult() throws Exception {
    var tasks = new ArrayList<Background<RunResult>>();
    for (int i = 0; i < 12; i++) {
      int status = i;
      tasks.add(
          Background.startPlatform(
              () -> buildRoot.run(shell("echo " + status + "; exit " + status))));
    }
    for (int i = 0; i < 12; i++) {
      var result = tasks.get(i).get();
      assertThat(result.ending()).isEqualTo(new RunResult.Exited(i));
      assertThat(result.text()).isEqualTo(i + "\n");
    }
  }

  @Test
  void aRunWithoutACommandIsRefused() {
    assertThatThrownBy(() -> Run.of(List.of())).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void twoEndpointsOfOneNameAreRefused() {
    assertThatThrownBy(() ->
            buildRoot.run(
                shell("true").endpoint(new ExceptionEndpoint()).endpoint(new ExceptionEndpoint())))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("osbuild");
  }

  @Test
  void aSinkThatFailsIsNoSuccess() throws IOException {
    for (var errors : List.of(false, true)) {
      var run = shell("echo one; echo two >&2; exec cat /dev/zero" + (errors ? " >&2" : ""));
      OutputSink broken =
          (bytes, count) -> {
            throw new AssertionError("broken");
          };
      var result = buildRoot.run(errors ? run.errors(broken) : run.output(broken));
      assertThat(result.ending()).isEqualTo(new RunResult.OutputFailed("broken"));
      assertThat(result.outputBytes()).isPositive();
    }
  }

  @Test
  void aDeadlineFarAwayIsAYear() throws IOException {
    var run = shell("true").deadline(Duration.ofSeconds(Long.MAX_VALUE));
    assertThat(buildRoot.run(run).ending()).isEqualTo(new RunResult.Exited(0));
    assertThatThrownBy(() -> run.deadline(Duration.ofSeconds(-1)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
