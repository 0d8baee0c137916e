package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static dev.caisson.sandbox.Support.SHORT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Exit;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Programs of the host that are run for their answer.
@Requires({Need.ROOT, Need.BUBBLEWRAP})
@ExtendWith(NoLeaks.class)
class HostToolTest {
  private static final Map<String, String> ENVIRONMENT = Map.of("PATH", "/usr/bin:/bin", "A", "b");

  @TempDir Path work;

  @Test
  void theAnswerIsTheStatusAndBothStreams() throws IOException {
    var result =
        HostTool.run(
            List.of("sh", "-c", "echo out; echo err >&2; echo $A; cat; exit 3"), ENVIRONMENT, LONG);
    assertThat(result.output()).isEqualTo("out\nb\n");
    assertThat(result.errors()).isEqualTo("err\n");
    assertThat(result.exit())
        .isInstanceOfSatisfying(
            Exit.Exited.class, exited -> assertThat(exited.status()).isEqualTo(3));
  }

  @Test
  void itsEnvironmentIsTheOneThatIsGiven() throws IOException {
    assertThat(HostTool.run(List.of("env"), ENVIRONMENT, LONG).output().lines())
        .filteredOn(line -> !line.startsWith("PWD="))
        .containsExactlyInAnyOrder("PATH=/usr/bin:/bin", "A=b");
  }

  @Test
  void itSeesAndChangesTheHostsFiles() throws IOException {
    var file = work.resolve("file");
    HostTool.run(List.of("cp", "/etc/passwd", file.toString()), ENVIRONMENT, LONG);
    assertThat(file).hasSameTextualContentAs(Path.of("/etc/passwd"));
  }

  @Test
  void largeOutputArrivesWhole() throws IOException {
    var result =
        HostTool.run(
            List.of("sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x"), ENVIRONMENT, LONG);
    assertThat(result.output()).hasSize(5_000_000);
  }

  @Test
  void aDeadlineEndsItWithAllItsDescendants() throws IOException {
    var marker = ProcessTable.marker();
    assertThatThrownBy(() ->
            HostTool.run(
                List.of(
                    "sh",
                    "-c",
                    "trap '' TERM; setsid sh -c 'sleep 1000; true' $0 & wait; :",
                    marker),
                ENVIRONMENT,
                SHORT))
        .isInstanceOf(DeadlineException.class);
    Support.awaitEnds(Support.hold(ProcessTable.with(marker)));
    assertThat(ProcessTable.with(marker)).isEmpty();
  }

  @Test
  void anInterruptEndsIt() throws Exception {
    var marker = ProcessTable.marker();
    var fifo = Support.fifo(work, "fifo");
    var task =
        Background.start(() ->
            HostTool.run(
                List.of("sh", "-c", "echo up > \"$1\"; sleep 1000", marker, fifo.toString()),
                ENVIRONMENT,
                LONG));
    assertThat(Support.awaitLine(fifo)).isEqualTo("up");
    task.interrupt();
    assertThatThrownBy(() -> task.get()).isInstanceOf(InterruptedIOException.class);
    Support.awaitEnds(Support.hold(ProcessTable.with(marker)));
    assertThat(ProcessTable.with(marker)).isEmpty();
    assertThat(Files.exists(fifo)).isTrue();
  }

  @Test
  void aProgramThatIsNotThereIsAFailureThatNamesIt() throws IOException {
    var result = HostTool.run(List.of("no-such-program"), ENVIRONMENT, LONG);
    assertThat(result.exit().success()).isFalse();
    assertThat(result.errors()).contains("no-such-program");
  }
}
