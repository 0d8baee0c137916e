package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Hostile trees, names and outputs cannot harm the host.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class HostileIT {
  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
  }

  @AfterEach
  void deleteTrees() throws Exception {
    for (var name : List.of("out", ".caisson")) {
      Programs.run("rm", "-rf", directory.resolve(name).toString());
    }
  }

  private String manifest(String pipeline, String script) throws IOException {
    Files.writeString(
        directory.resolve("m.json"),
        """
        {"version": "2", "pipelines": [{"name": "%s", "source-epoch": 1000, "stages": [
          {"type": "dev.caisson.command", "options": {"argv":
            ["sh", "-c", "cd /run/osbuild/tree; %s"]}}]}]}
        """
            .formatted(pipeline, script));
    return "m.json";
  }

  private Caisson.Answer build(String script, String... more) throws Exception {
    var args = new java.util.ArrayList<>(List.of("build", manifest("t", script)));
    args.addAll(List.of(more));
    return caisson.run(args.toArray(String[]::new));
  }

  @Test
  void anExportDoesNotFollowALinkOfAnEarlierExport() throws Exception {
    var host = Files.writeString(directory.resolve("host"), "the host's\n");
    var export = List.of("--export", "t", "--output-directory", "out").toArray(String[]::new);
    assertThat(build("ln -s %s conf".formatted(host), export).status()).isZero();
    assertThat(build("echo the tree\\'s > conf".replace("\\'", ""), export).status()).isZero();
    assertThat(host).hasContent("the host's");
    assertThat(directory.resolve("out/t/conf")).isRegularFile().hasContent("the trees");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../escaped", "/escaped", "..", "a/b", "a\\u0000b", "\\ud800"})
  void aPipelineNameCannotLeaveTheDirectory(String name) throws Exception {
    var answer = caisson.run("build", manifest(name, "true"));
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("m.json: pipelines[0].name");
  }

  @Test
  void aFifoInATreeDoesNotBlockTheBuild() throws Exception {
    assertThat(build("mkfifo fifo; mknod zero c 1 5").status()).isZero();
  }

  @Test
  void anImmutableFileDamagesNeitherTheErrorNorTheStore() throws Exception {
    var failed = build("touch file; chattr +i file; exit 3");
    assertThat(failed.status()).isEqualTo(1);
    assertThat(failed.err()).contains("exited with status 3");
    assertThat(build("true").status()).isZero();
    try (var temporary = Files.list(directory.resolve(".caisson/tmp"))) {
      assertThat(temporary.map(path -> path.getFileName().toString())).containsExactly(".lock");
    }
  }

  @Test
  void controlCharactersOfAStageDoNotReachTheTerminal() throws Exception {
    var answer = build("printf '\\\\033[2Jgone\\\\n'; exit 1");
    assertThat(answer.err()).contains("\\x1b[2Jgone").doesNotContain("\033");
  }

  @Test
  void outputThatCannotBeWrittenIsAFailure() throws Exception {
    for (var args : List.of(List.of("--version"), List.of("completion", "bash"))) {
      var process = caisson.start(new File("/dev/full"), args.toArray(String[]::new));
      assertThat(process.waitFor()).as(args.toString()).isEqualTo(1);
      process.getErrorStream().close();
    }
  }

  @Test
  void aRunEndsWhenItsOutputIsClosed() throws Exception {
    var process = caisson.start("run", "--", "sh", "-c", "while :; do echo x; done");
    assertThat(process.inputReader(StandardCharsets.UTF_8).readLine()).isEqualTo("x");
    process.getInputStream().close();
    assertThat(process.waitFor()).isEqualTo(141);
  }

  @Test
  void aMonitorAppendsToItsDescriptor() throws Exception {
    var log = Files.writeString(directory.resolve("log"), "before\n");
    var script = "exec \"$@\" --monitor-fd 7 7>>" + log;
    assertThat(caisson.through(script, "build", manifest("t", "true")).status()).isZero();
    assertThat(Files.readString(log)).startsWith("before\nstage").contains("dev.caisson.command");
  }

  @Test
  void anArgumentThatIsNotUtf8IsRefused() throws Exception {
    var script = "exec \"$@\" --store \"$(printf 's\\377')\"";
    var answer = caisson.through(script, "build", manifest("t", "true"));
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("is not UTF-8");
  }
}
