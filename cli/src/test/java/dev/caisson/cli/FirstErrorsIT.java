package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The errors that a first user is likely to meet.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL})
class FirstErrorsIT {
  private static final Json JSON = Json.within(Limits.DEFAULT);
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
        .isEqualTo(
            "caisson: there is no command 'biuld'. Did you mean 'build'? See caisson --help\n");
    answer = caisson.run("frobnicate");
    assertThat(answer.err())
        .isEqualTo("caisson: there is no command 'frobnicate'. See caisson --help\n");
    answer = caisson.run("service", "cal");
    assertThat(answer.err())
        .isEqualTo(
            "caisson: there is no command 'service cal'. Did you mean 'service call'?"
                + " See caisson service --help\n");
    answer = caisson.run("help", "docter");
    assertThat(answer.err()).contains("Did you mean 'doctor'?");
  }

  @Test
  void anUnknownOptionOfTheCommandLineIsNamed() throws Exception {
    var answer = caisson.run("build", "--frob", "x.json");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err())
        .isEqualTo("caisson: build: unknown option '--frob'; see caisson build --help\n");
    for (var words :
        List.of(
            List.of("build", "--stroe=x", "--store"),
            List.of("build", "--outputdirectory", "--output-directory"),
            List.of("build", "--stage-timout", "--stage-timeout"),
            List.of("run", "--memroy", "--memory"),
            List.of("resolve", "--outptu", "--output"),
            List.of("stub", "--recrod", "--record"),
            List.of("doctor", "--jsn", "--json"))) {
      answer = caisson.run(words.get(0), words.get(1), "--", "true");
      assertThat(answer.status()).as("%s", words).isEqualTo(2);
      assertThat(answer.err()).contains("Did you mean '" + words.get(2) + "'?");
    }
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
    assertThat(answer.err())
        .isEqualTo(
            "caisson: r.yaml: packagse: is not known here. Did you mean 'packages'? Known keys:"
                + " export, packages, run, source-epoch, suite, variant\n");
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
        .contains("org.osbuild.mkdir")
        .contains("--libdir");
  }

  @Test
  void aRecipeIsRecognizedWithoutTheEndOfItsName() throws Exception {
    for (var name : List.of("recipe", "recipe.txt", "Caissonfile")) {
      var answer = caisson.run("build", file(name, "# mine\npackagse: []\n"));
      assertThat(answer.status()).isEqualTo(2);
      assertThat(answer.err()).startsWith("caisson: " + name + ": packagse: is not known here.");
      assertThat(caisson.run("resolve", name).err()).isEqualTo(answer.err());
    }
    assertThat(caisson.run("build", file("manifest", "\n {\"version\": 3}\n")).err())
        .startsWith("caisson: manifest: version: ");
    assertThat(caisson.run("resolve", "manifest").err())
        .isEqualTo("caisson: manifest is not a recipe: it is JSON; a recipe is YAML\n");
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
        .startsWith(
            "caisson: m.json: pipelines[0].stages[0].options.paths[0].mod: is not known here. Did"
                + " you mean 'mode'? Known keys: ");
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
  void doctorTakesNoArgument() throws Exception {
    var answer = caisson.run("doctor", "please");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err())
        .isEqualTo(
            "caisson: doctor: takes no argument, but got 'please'; see caisson doctor --help\n");
  }

  @Test
  void doctorPrintsJson() throws Exception {
    var answer = caisson.with(Map.of("PATH", directory.toString())).run("doctor", "--json");
    assertThat(answer.status()).isEqualTo(1);
    var json = JSON.parse(answer.out().getBytes(StandardCharsets.UTF_8));
    assertThat(json.path("fit").asBoolean(true)).isFalse();
    var features = json.path("features").valueStream().toList();
    assertThat(features)
        .anySatisfy(feature -> {
          assertThat(feature.path("name").asString("")).isEqualTo("bubblewrap");
          assertThat(feature.path("found").isNull()).isTrue();
          assertThat(feature.path("needed").asBoolean(false)).isTrue();
          assertThat(feature.path("remedy").asString("")).contains("apt-get install bubblewrap");
        })
        .anySatisfy(feature -> {
          assertThat(feature.path("name").asString("")).isEqualTo("Java");
          assertThat(feature.path("found").asString("")).startsWith("25");
          assertThat(feature.has("remedy")).isFalse();
        });
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.MMDEBSTRAP})
  void doctorPrintsVersionsAndNoWarnings() throws Exception {
    assertThat(caisson.run("doctor").out())
        .containsPattern("ok +mmdebstrap +mmdebstrap [0-9]")
        .doesNotContain("W: ");
  }

  @Test
  void theErrorForAMissingDirectoryOfALockNamesBoth() throws Exception {
    var answer =
        caisson.run(
            "resolve", file("r.yaml", "packages: [busybox-static]\n"), "-o", "no/lock.json");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .isEqualTo(
            "caisson: cannot write no/lock.json: there is no directory %s. Make it, or choose"
                    .formatted(directory.resolve("no"))
                + " another file\n");
  }

  @Test
  void anUnknownExportIsReportedWithTheKnownPipelines() throws Exception {
    var answer =
        caisson.run(
            "build", manifestWithCommand("true"), "--export", "b", "--output-directory", "o");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("there is no pipeline 'b'. There are: a");
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
