package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The command line in the normal cases.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class CommandIT {
  private static final String TWO_STAGES =
      """
      {"version": "2", "pipelines": [{"name": "a", "stages": [
        {"type": "org.osbuild.mkdir", "options": {"paths": [{"path": "/x"}]}},
        {"type": "org.osbuild.noop"}]}]}
      """;

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
  }

  @Test
  void theVersionIsALine() throws Exception {
    var answer = caisson.run("--version");
    assertThat(answer.status()).isZero();
    assertThat(answer.out()).matches("caisson \\d+\\.\\d+\\.\\d+\\S*\n");
    assertThat(answer.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"build", "resolve", "run", "stub", "doctor", "completion"})
  void everyCommandHasHelp(String command) throws Exception {
    var answer = caisson.run(command, "--help");
    assertThat(answer.status()).isZero();
    assertThat(answer.out()).startsWith("Usage: caisson " + command).contains("--help");
    assertThat(answer.out().lines()).isNotEmpty().allMatch(line -> line.length() <= 80);
    assertThat(caisson.run("help", command)).isEqualTo(answer);
  }

  @Test
  void bashCompletesAnOption() throws Exception {
    Files.writeString(directory.resolve("c"), caisson.run("completion", "bash").out());
    var script =
        """
        source c
        COMP_WORDS=(caisson build --exp) COMP_CWORD=2
        _caisson
        echo "${COMPREPLY[@]}"
        """;
    var process =
        new ProcessBuilder("bash", "-c", script)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(output).isEqualTo("--export\n");
    assertThat(process.waitFor()).isZero();
  }

  @Test
  void doctorFindsThisMachineFit() throws Exception {
    var answer = caisson.run("doctor");
    assertThat(answer.status()).as(answer.out()).isZero();
    assertThat(answer.out()).contains("a sandbox").doesNotContain("\033[");
  }

  @Test
  void runExitsAsItsCommandDoes() throws Exception {
    assertThat(caisson.run("run", "--", "sh", "-c", "exit 9").status()).isEqualTo(9);
    assertThat(caisson.run("run", "--", "sh", "-c", "kill -KILL $$").status()).isEqualTo(137);
    assertThat(caisson.run("run", "--timeout", "100ms", "--", "sleep", "1000").status())
        .isEqualTo(124);
    assertThat(caisson.run("run", "--ro-bind", "/no/such:/x", "--", "true").status())
        .isEqualTo(125);
  }

  @Test
  void runShowsBoundFiles() throws Exception {
    Files.writeString(directory.resolve("a:b"), "seen\n");
    var answer =
        caisson.run(
            "run",
            "--ro-bind",
            "a:b:/tmp/f",
            "--env",
            "NAME=value",
            "--",
            "sh",
            "-c",
            "cat /tmp/f; echo $NAME; ls -A /home /root 2>/dev/null");
    assertThat(answer.out()).isEqualTo("seen\nvalue\n/home:\n\n/root:\n");
  }

  @Test
  void aStageHasNoNetwork() throws Exception {
    try (var server = new java.net.ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
      Files.writeString(
          directory.resolve("m.json"),
          """
          {"version": "2", "pipelines": [{"name": "a", "stages": [
            {"type": "dev.caisson.command", "options": {"argv":
              ["bash", "-c", "! : < /dev/tcp/127.0.0.1/%d && ! grep : /proc/net/dev | grep -v lo:"]}}]}]}
          """
              .formatted(server.getLocalPort()));
      var answer = caisson.run("build", "m.json");
      assertThat(answer.status()).as(answer.err()).isZero();
    }
  }

  @Test
  void aSecondBuildWithTheSameStoreBuildsNothing() throws Exception {
    Files.writeString(directory.resolve("m.json"), TWO_STAGES);
    assertThat(caisson.run("build", "m.json").out()).contains("org.osbuild.noop");
    assertThat(caisson.run("build", "m.json").out())
        .startsWith("nothing to build: the store has everything\n");
  }

  @Test
  void aBuildContinuesFromACheckpoint() throws Exception {
    Files.writeString(directory.resolve("m.json"), TWO_STAGES);
    assertThat(caisson.run("build", "m.json", "--checkpoint", "*.mkdir").status()).isZero();
    Files.writeString(
        directory.resolve("m.json"),
        TWO_STAGES.replace(
            "\"org.osbuild.noop\"", "\"org.osbuild.noop\", \"options\": {\"b\": 1}"));
    var answer = caisson.run("build", "m.json", "--export", "a", "--output-directory", "out");
    assertThat(answer.out()).contains("1 stages are in the store").doesNotContain("mkdir");
    assertThat(directory.resolve("out/a/x")).isDirectory();
  }

  @Test
  void jsonPrintsOnlyTheResult() throws Exception {
    Files.writeString(directory.resolve("m.json"), TWO_STAGES);
    var answer = caisson.run("build", "m.json", "--json");
    assertThat(answer.out()).startsWith("{\n").contains("\"success\" : true").endsWith("}\n");
    assertThat(answer.err()).isEmpty();
  }

  @Test
  void theManifestCanComeFromTheStandardInput() throws Exception {
    var process = caisson.start("build", "-", "-q");
    try (var in = process.getOutputStream()) {
      in.write(TWO_STAGES.getBytes(StandardCharsets.UTF_8));
    }
    assertThat(process.getInputStream().readAllBytes()).isEmpty();
    assertThat(process.waitFor()).isZero();
  }

  @Test
  void aProgramCanReadTheMonitor() throws Exception {
    Files.writeString(directory.resolve("m.json"), TWO_STAGES);
    var answer = caisson.run("build", "m.json", "--monitor", "JSONSeqMonitor");
    assertThat(answer.out().lines().filter(line -> !line.startsWith("done")))
        .allMatch(line -> line.startsWith("\u001e{"))
        .anyMatch(line -> line.contains("Starting module org.osbuild.mkdir"));
  }
}
