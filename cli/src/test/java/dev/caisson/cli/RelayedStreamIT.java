package dev.caisson.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The command notices at once what the caller of `caisson run` does with a standard stream.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Timeout(240)
class RelayedStreamIT {
  /// Waits until the standard output has an error, and prints nothing meanwhile.
  private static final String AWAIT_ERROR =
      """
      import select, sys
      poll = select.poll()
      poll.register(1, 0)
      print("ready", flush=True)
      poll.poll()
      sys.exit(7)
      """;

  @TempDir Path work;

  private Process start(String... command) throws IOException {
    var launcher = new Caisson(work).launcher("launcher", "run", "--bind", work + ":/shared", "--");
    var argv = new ArrayList<>(List.of(launcher.toString()));
    argv.addAll(List.of(command));
    // The errors go to a file: caisson itself writes to them until its end.
    return new ProcessBuilder(argv).redirectError(work.resolve("errors").toFile()).start();
  }

  private static int exit(Process process) throws InterruptedException {
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    return process.exitValue();
  }

  @Test
  void aSilentCommandNoticesThatItsOutputIsClosed() throws Exception {
    var process = start("python3", "-S", "-E", "-c", AWAIT_ERROR);
    try {
      assertThat(process.getInputStream().readNBytes(6)).asString(UTF_8).isEqualTo("ready\n");
      process.getInputStream().close();
      assertThat(exit(process)).isEqualTo(7);
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void aWriteToAClosedOutputRaisesSigpipe() throws Exception {
    var process = start("sh", "-c", "trap '' PIPE; (trap - PIPE; yes); echo $? > /shared/status");
    try {
      process.getInputStream().readNBytes(2);
      process.getInputStream().close();
      exit(process);
      assertThat(work.resolve("status")).hasContent("141");
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void theCommandReadsTheEndOfTheInputWhileItRuns() throws Exception {
    var process = start("sh", "-c", "cat; echo end");
    try {
      process.getOutputStream().write("text\n".getBytes(UTF_8));
      process.getOutputStream().close();
      assertThat(process.getInputStream().readAllBytes()).asString(UTF_8).isEqualTo("text\nend\n");
      assertThat(exit(process)).isZero();
    } finally {
      process.destroyForcibly().waitFor();
    }
  }
}
