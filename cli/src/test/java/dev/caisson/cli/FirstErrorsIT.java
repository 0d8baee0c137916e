package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The errors that a first user is likely to meet.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL})
class FirstErrorsIT {
  private static final String HELLO =
      "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
  }

  private String file(String name, String text) throws IOException {
    Files.writeString(directory.resolve(name), text);
    return name;
  }

  private String manifestWithSource(String url) throws IOException {
    return file(
        "source.json",
        """
        {"version": "2",
         "sources": {"org.osbuild.curl": {"items": {"%s": "%s"}}},
         "pipelines": [{"name": "a", "stages": [{"type": "org.osbuild.noop"}]}]}
        """
            .formatted(HELLO, url));
  }

  private String manifestWithCommand(String script) throws IOException {
    return file(
        "command.json",
        """
        {"version": "2", "pipelines": [{"name": "a", "stages": [
          {"type": "dev.caisson.command", "options": {"argv": ["sh", "-c", "%s"]}}]}]}
        """
            .formatted(script));
  }

  @Test
  void noArgumentsPrintHelp() throws Exception {
    var answer = caisson.run();
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).startsWith("Usage: caisson COMMAND");
  }

  @Test
  void anUnknownCommandIsNamed() throws Exception {
    var answer = caisson.run("biuld");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err())
        .isEqualTo("caisson: there is no command 'biuld'; see caisson --help\n");
  }

  @Test
  void anUnknownOptionOfTheCommandLineIsNamed() throws Exception {
    var answer = caisson.run("build", "--frob", "x.json");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("--frob").contains("caisson build --help");
  }

  @Test
  void aMissingManifestIsReported() throws Exception {
    var answer = caisson.run("build", "missing.json");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err())
        .isEqualTo("caisson: missing.json: there is no such file or directory\n");
  }

  @Test
  void invalidJsonIsReportedWithLineAndColumn() throws Exception {
    var answer = caisson.run("build", file("bad.json", "{\n  \"version\": \"2\",,\n}"));
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err())
        .startsWith("caisson: bad.json: not JSON: ")
        .contains("(line 2, column");
  }

  @Test
  void invalidYamlIsReportedWithLineAndColumn() throws Exception {
    var answer = caisson.run("build", file("bad.yaml", "packages:\n  - [busybox\nrun: x\n"));
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err())
        .startsWith("caisson: bad.yaml: not YAML: ")
        .contains("(line 3, column");
  }

  @Test
  void anUnknownKeyOfARecipeIsNamed() throws Exception {
    var answer = caisson.run("build", file("r.yaml", "packages: [busybox]\npackagse: []\n"));
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).isEqualTo("caisson: r.yaml: packagse: is not known here\n");
  }

  @Test
  void anUnknownStageIsReportedWithTheKnownStages() throws Exception {
    var manifest =
        file(
            "m.json",
            "{\"version\":\"2\",\"pipelines\":[{\"name\":\"a\",\"stages\":[{\"type\":\"org.osbuild.nope\"}]}]}");
    var answer = caisson.run("build", manifest);
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err())
        .startsWith(
            "caisson: m.json: pipelines[0].stages[0].type: unknown stage 'org.osbuild.nope'")
        .contains("org.osbuild.mkdir");
  }

  @Test
  void anUnknownOptionOfAStageIsReportedWithItsPath() throws Exception {
    var manifest =
        file(
            "m.json",
            """
            {"version": "2", "pipelines": [{"name": "a", "stages": [
              {"type": "org.osbuild.mkdir", "options": {"paths": [{"path": "/a", "mod": 448}]}}]}]}
            """);
    var answer = caisson.run("build", manifest);
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err())
        .isEqualTo(
            "caisson: m.json: pipelines[0].stages[0].options.paths[0].mod: is not known here\n");
  }

  @Test
  void devicesAreRefusedByName() throws Exception {
    var manifest =
        file(
            "m.json",
            """
            {"version": "2", "pipelines": [{"name": "a", "stages": [
              {"type": "org.osbuild.noop", "devices": {"disk": {"type": "org.osbuild.loopback"}}}]}]}
            """);
    var answer = caisson.run("build", manifest);
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("org.osbuild.loopback").contains("stages[0].devices");
  }

  @Test
  void aWrongChecksumNamesTheUrlAndBothSums() throws Exception {
    var wrong = directory.resolve(file("wrong", "not hello"));
    var answer = caisson.run("build", manifestWithSource(wrong.toUri().toString()));
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .contains("the checksum of file:///")
        .contains("expected " + HELLO)
        .contains("To repeat it: caisson build source.json");
    assertThat(directory.resolve(".caisson/sources/org.osbuild.files/" + HELLO)).doesNotExist();
  }

  @Test
  void anUnreachableUrlIsNamedWithTheReason() throws Exception {
    var answer = caisson.run("build", manifestWithSource("http://127.0.0.1:1/hello"));
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .contains("cannot download http://127.0.0.1:1/hello: Failed to connect");
  }

  @Test
  void aFailingStageShowsItsOutputItsStatusAndHowToRepeatIt() throws Exception {
    var manifest = manifestWithCommand("echo one; echo two >&2; exit 7");
    var answer = caisson.run("build", manifest, "--store", "my store");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .isEqualTo(
            """
            caisson: the stage dev.caisson.command failed: sh exited with status 7
              | one
              | two
            To repeat it: caisson build command.json --store 'my store'
            """);
  }

  @Test
  void aStageThatExceedsItsTimeoutIsEnded() throws Exception {
    var answer = caisson.run("build", manifestWithCommand("sleep 1000"), "--stage-timeout", "1");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err()).contains("its deadline");
  }

  @Test
  void aMissingBubblewrapIsReportedWithItsPackage() throws Exception {
    var answer =
        caisson
            .with(Map.of("PATH", directory.toString()))
            .run("build", manifestWithCommand("true"));
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .contains("bubblewrap (the program bwrap) is not on the PATH")
        .contains("apt-get install bubblewrap");
  }

  @Test
  void doctorNamesAMissingFeatureAndItsPackage() throws Exception {
    var answer = caisson.with(Map.of("PATH", directory.toString())).run("doctor");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.out()).contains("bubblewrap").contains("apt-get install bubblewrap");
  }

  @Test
  void anUnknownExportIsReportedWithTheKnownPipelines() throws Exception {
    var answer =
        caisson.run(
            "build", manifestWithCommand("true"), "--export", "b", "--output-directory", "o");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("there is no pipeline 'b'; there are: a");
  }

  @Test
  void aFullDiskIsReportedAndLeavesNothing() throws Exception {
    var store = Files.createDirectory(directory.resolve("small"));
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", store.toString());
    try {
      var manifest = manifestWithCommand("head -c 4000000 /dev/zero > /run/osbuild/tree/big");
      var answer = caisson.run("build", manifest, "--store", store.toString());
      assertThat(answer.status()).isEqualTo(1);
      assertThat(answer.err()).contains("No space left on device");
      try (var objects = Files.list(store.resolve("objects"))) {
        assertThat(objects).isEmpty();
      }
      try (var temporary = Files.list(store.resolve("tmp"))) {
        assertThat(temporary.map(path -> path.getFileName().toString())).containsExactly(".lock");
      }
    } finally {
      new ProcessBuilder("umount", store.toString()).inheritIO().start().waitFor();
    }
  }

  private static void mount(String... args) throws Exception {
    var command = new java.util.ArrayList<>(java.util.List.of("mount"));
    command.addAll(java.util.List.of(args));
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }
}
