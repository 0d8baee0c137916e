package dev.caisson.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A slow reader loses no output, and does not keep a run beyond its deadline.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
@Timeout(240)
class SlowReaderIT {
  @TempDir Path work;

  private ProcessBuilder command(String... args) throws IOException {
    var launcher = new Caisson(work).launcher("launcher", "run");
    var argv = new ArrayList<>(List.of(launcher.toString()));
    argv.addAll(List.of(args));
    return new ProcessBuilder(argv).redirectError(work.resolve("errors").toFile());
  }

  private static int exit(Process process) throws InterruptedException {
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    return process.exitValue();
  }

  @Test
  void outputOfAnEndedCommandWaitsForItsReader() throws Exception {
    var marker = ProcessTable.marker();
    var process = command("--", "sh", "-c", "head -c 150000 /dev/zero", marker).start();
    try {
      // The output is longer than what the pipes to the JVM and from it hold.
      Eventually.holds(() -> process.getInputStream().available() >= 4096);
      assertThat(process.isAlive()).isTrue();
      assertThat(process.getInputStream().readAllBytes()).hasSize(150_000);
      assertThat(exit(process)).isZero();
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void aDeadlineHoldsWithoutAReader() throws Exception {
    var process = command("--timeout", "1s", "--", "yes").start();
    try {
      assertThat(exit(process)).isEqualTo(124);
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void aDeadlineHoldsWhileOutputWaitsForItsReader() throws Exception {
    var process = command("--timeout", "2s", "--", "head", "-c", "150000", "/dev/zero").start();
    try {
      assertThat(exit(process)).isEqualTo(124);
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void aSignalEndsARunWhoseOutputIsUnread() throws Exception {
    var process = command("--", "yes").start();
    try {
      Eventually.holds(() -> process.getInputStream().available() >= 4096);
      process.destroy();
      assertThat(exit(process)).isEqualTo(143);
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void outputThatCannotBeWrittenIsAnError() throws Exception {
    var process =
        command("--", "echo", "text").redirectOutput(Path.of("/dev/full").toFile()).start();
    try {
      assertThat(exit(process)).isEqualTo(1);
      assertThat(Files.readString(work.resolve("errors"), UTF_8))
          .contains("cannot be written", "ENOSPC");
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"2>/dev/full", "2>&-"})
  void errorsThatCannotBeWrittenAreDropped(String redirection) throws Exception {
    var launcher = command().command().getFirst();
    var script =
        "exec \"$0\" -- sh -c 'echo one >&2; echo two >&2; echo out; exit 3' " + redirection;
    var process =
        new ProcessBuilder("sh", "-c", script, launcher)
            .redirectError(work.resolve("errors").toFile())
            .start();
    try {
      assertThat(process.getInputStream().readAllBytes()).asString(UTF_8).isEqualTo("out\n");
      assertThat(exit(process)).isEqualTo(3);
    } finally {
      process.destroyForcibly().waitFor();
    }
  }
}
