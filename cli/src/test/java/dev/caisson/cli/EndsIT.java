package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A command that is ended early leaves nothing behind.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class EndsIT {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  @TempDir Path directory;
  private Caisson caisson;
  private String marker;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
    marker = ProcessTable.marker();
  }

  /// A build whose stage prints that it runs. The stage and a grandchild of it ignore SIGTERM.
  private Process startBuild() throws Exception {
    var script =
        "trap '' TERM INT; echo running; setsid sh -c 'trap \\\"\\\" TERM; sleep 1000; : %1$s' & sleep 1000; : %1$s"
            .formatted(marker);
    Files.writeString(
        directory.resolve("m.json"),
        """
        {"version": "2", "pipelines": [{"name": "a", "stages": [
          {"type": "dev.caisson.command", "options": {"argv": ["sh", "-c", "%s"]}}]}]}
        """
            .formatted(script));
    var process = caisson.start("build", "m.json", "--monitor", "JSONSeqMonitor");
    awaitOutput(process, "running");
    return process;
  }

  private static void awaitOutput(Process process, String text) throws IOException {
    var reader = process.inputReader(StandardCharsets.UTF_8);
    for (var line = reader.readLine(); line != null; line = reader.readLine()) {
      if (line.contains(text)) {
        return;
      }
    }
    throw new AssertionError("the build ended before it printed: " + text);
  }

  private void assertStoreWorks() throws Exception {
    Files.writeString(
        directory.resolve("next.json"),
        "{\"version\":\"2\",\"pipelines\":[{\"name\":\"a\",\"stages\":[{\"type\":\"org.osbuild.noop\"}]}]}");
    var answer = caisson.run("build", "next.json");
    assertThat(answer.status()).as(answer.err()).isZero();
    try (var temporary = Files.list(directory.resolve(".caisson/tmp"))) {
      assertThat(temporary.map(path -> path.getFileName().toString())).containsExactly(".lock");
    }
  }

  @Test
  void ctrlCEndsAllProcessesAndExitsWith130() throws Exception {
    var mounts = Caisson.mounts();
    var process = startBuild();
    assertThat(ProcessTable.with(marker)).isNotEmpty();
    signal("-INT", process.pid());
    assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(130);
    assertThat(ProcessTable.with(marker)).isEmpty();
    assertThat(Caisson.mounts()).isEqualTo(mounts);
    try (var temporary = Files.list(directory.resolve(".caisson/tmp"))) {
      assertThat(temporary.map(path -> path.getFileName().toString())).containsExactly(".lock");
    }
    assertStoreWorks();
  }

  @Test
  void sigtermEndsAllProcesses() throws Exception {
    var process = startBuild();
    signal("-TERM", process.pid());
    assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(143);
    assertThat(ProcessTable.with(marker)).isEmpty();
    assertStoreWorks();
  }

  @Test
  void sigkillLeavesNoProcessNoMountAndAWorkingStore() throws Exception {
    var mounts = Caisson.mounts();
    var process = startBuild();
    signal("-KILL", process.pid());
    process.waitFor();
    ProcessTable.awaitNone(marker);
    assertThat(Caisson.mounts()).isEqualTo(mounts);
    assertStoreWorks();
  }

  @Test
  void sigkillDuringADownloadLeavesNoProcess() throws Exception {
    try (var server = new java.net.ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
      Files.writeString(
          directory.resolve("m.json"),
          """
          {"version": "2",
           "sources": {"org.osbuild.curl": {"items": {
             "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03":
               "http://127.0.0.1:%d/%s"}}},
           "pipelines": [{"name": "a", "stages": [{"type": "org.osbuild.noop"}]}]}
          """
              .formatted(server.getLocalPort(), marker));
      var process = caisson.start("build", "m.json");
      try (var connection = server.accept()) {
        assertThat(process.isAlive()).isTrue();
        signal("-KILL", process.pid());
        process.waitFor();
        // The connection ends when the downloader is dead.
        connection.getInputStream().transferTo(OutputStream.nullOutputStream());
      }
    }
    assertStoreWorks();
  }

  private static void signal(String which, long pid) throws Exception {
    assertThat(new ProcessBuilder("kill", which, Long.toString(pid)).inheritIO().start().waitFor())
        .isZero();
  }
}
