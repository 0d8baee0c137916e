package dev.caisson.modules;

import static dev.caisson.modules.Workshop.manifest;
import static dev.caisson.modules.Workshop.pipeline;
import static dev.caisson.modules.Workshop.quoted;
import static dev.caisson.modules.Workshop.stage;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertAll;

import dev.caisson.engine.run.StageResult;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Upstream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Unmodified stages and runners of osbuild in our build roots, and the features of osbuild's
/// Python package for stages. The results are written to `target/upstream-stages.md`.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Timeout(600)
@Tag("upstream")
class UpstreamStagesTest {
  private static final List<String> TABLE = Collections.synchronizedList(new ArrayList<>());
  private static final String ANY =
      "{\"summary\":\"any\",\"description\":[\"any\"],\"schema_2\":{\"options\":{\"type\":\"object\"}}}";

  /// Runs a command in a mount namespace where `/etc/containers` exists, which osbuild needs to
  /// start. Mounts that the command leaks end with the namespace.
  private static final String APART =
      """
      mount -t tmpfs tmpfs "$1"
      cp -a /etc "$1/etc"
      mkdir -p "$1/etc/containers"
      mount --bind "$1/etc" /etc
      shift
      exec "$@"
      """;

  /// The bits of the capabilities that osbuild's `pipeline.py` lists.
  private static final BigInteger STAGE_CAPABILITIES = new BigInteger("1a9a447df", 16);

  @TempDir Path temp;
  private Path checkout = Path.of("/");

  @BeforeEach
  void findOsbuild() {
    checkout = Upstream.OSBUILD.directory();
  }

  @AfterAll
  static void writeTable() throws IOException {
    if (!TABLE.isEmpty()) {
      var text = "| stage | runner | what was shown | result |\n|---|---|---|---|\n";
      Files.writeString(
          Files.createDirectories(Path.of("target")).resolve("upstream-stages.md"),
          text + String.join("", TABLE));
    }
  }

  private static void tell(String stage, String runner, String shown, String result) {
    TABLE.add("| %s | %s | %s | %s |\n".formatted(stage, runner, shown, result));
  }

  /// Wraps a check so that its result is in the table.
  private static Executable told(String stage, String runner, String shown, Executable check) {
    return () -> {
      try {
        check.execute();
        tell(stage, runner, shown, "ok");
      } catch (Throwable failure) {
        tell(stage, runner, shown, "FAILED");
        throw failure;
      }
    };
  }

  private Workshop workshop(String name, Path libdir) throws IOException {
    return new Workshop(Files.createDirectory(temp.resolve(name)), Optional.of(libdir));
  }

  /// Builds the last pipeline of a manifest, and returns its tree.
  private static Path tree(Workshop workshop, String text) throws IOException {
    for (var stages : workshop.build(text).stages().values()) {
      for (var stage : stages) {
        assertThat(stage.failure())
            .as("%s: %s %s", stage.stage().type(), stage.output(), stage.exception())
            .isEmpty();
      }
    }
    var id = workshop.read(text).pipelines().getLast().id().orElseThrow();
    return workshop.place().resolve("objects").resolve(id).resolve("tree");
  }

  /// A library directory with osbuild's package and its runner for any Linux, and no stages.
  private Path library() throws IOException, InterruptedException {
    var library = Files.createDirectory(temp.resolve("library"));
    Files.createDirectories(library.resolve("stages"));
    Files.createDirectories(library.resolve("runners"));
    // Copies, as symbolic links would be dangling in a build root.
    for (var kind :
        List.of("osbuild", "inputs", "sources", "schemas", "runners/org.osbuild.linux")) {
      Programs.run(
          "cp", "-rT", checkout.resolve(kind).toString(), library.resolve(kind).toString());
    }
    return library;
  }

  private Path library(String stage, String program) throws IOException, InterruptedException {
    var library = library();
    var file = Files.writeString(library.resolve("stages/" + stage), program);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.writeString(library.resolve("stages/" + stage + ".meta.json"), ANY);
    return library;
  }

  private static String python(String program) {
    return "#!/usr/bin/python3\nimport hashlib, json, os, signal, subprocess, sys, time\nimport osbuild.api\n"
        + program;
  }

  /// The tree that osbuild itself makes of a pipeline.
  private Path theirs(String text, Path libdir, String pipeline)
      throws IOException, InterruptedException {
    var input = Files.writeString(temp.resolve("manifest.json"), text);
    var output = temp.resolve("exported");
    Programs.run(
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-euc",
        APART,
        "sh",
        Files.createDirectory(temp.resolve("etc")).toString(),
        "env",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONPATH=" + checkout,
        "python3",
        "-m",
        "osbuild",
        "--libdir",
        libdir.toString(),
        "--store",
        temp.resolve("osbuild-store").toString(),
        "--output-directory",
        output.toString(),
        "--export",
        pipeline,
        input.toString());
    return output.resolve(pipeline);
  }

  /// Describes a tree, without the archives that contain unclamped times.
  private static String steady(Path tree) throws IOException, InterruptedException {
    return Workshop.describe(tree)
        .lines()
        .filter(line -> !line.contains("packed/content."))
        .collect(Collectors.joining("\n"));
  }

  @Test
  void theirStagesMakeTheSameTreeUnderTheirRunnersAsInOsbuild() throws Exception {
    var stages = new UpstreamStages();
    var able = new ArrayList<UpstreamStages.Row>();
    for (var row : stages.all()) {
      var missing = row.missing();
      if (missing.isEmpty()) {
        able.add(row);
      } else {
        tell(row.stage(), "-", row.shown(), "not run: there is no `%s`".formatted(missing.get()));
      }
    }
    assertThat(able).hasSizeGreaterThanOrEqualTo(20);
    var text = stages.manifest(able);

    var library = library();
    Programs.run(
        "cp", "-rT", checkout.resolve("stages").toString(), library.resolve("stages").toString());
    var host = tree(workshop("host", checkout), text);
    var linux = tree(workshop("linux", library), text);
    var osbuild = theirs(text, checkout, "everything");

    var checks = new ArrayList<Executable>();
    for (var row : able) {
      checks.add(told(row.stage(), "the host's", row.shown(), () -> row.check().look(host)));
      checks.add(
          told(row.stage(), "org.osbuild.linux", row.shown(), () -> row.check().look(linux)));
    }
    checks.add(
        told(
            "all of these",
            "the host's",
            "the tree that osbuild makes",
            () -> assertThat(steady(host)).isEqualTo(steady(osbuild))));
    checks.add(
        told(
            "all of these",
            "org.osbuild.linux",
            "the tree that osbuild makes",
            () -> assertThat(steady(linux)).isEqualTo(steady(osbuild))));
    assertAll(checks);
  }

  private StageResult failing(String name, String program) throws Exception {
    return workshop("store-" + name, library(name, program))
        .failure(manifest(pipeline("p", stage(name, "{}"))));
  }

  @Test
  void aFailingStageEndsWithTheRequestedStatus() throws Throwable {
    var result =
        workshop("w", checkout)
            .failure(manifest(pipeline("p", stage("org.osbuild.error", "{\"returncode\":7}"))));
    told(
            "org.osbuild.error",
            "the host's",
            "its status, its output, no exception",
            () -> {
              assertThat(result.failure().orElseThrow()).contains("7");
              assertThat(result.output()).contains("will now return error: 7");
              assertThat(result.exception()).isEmpty();
            })
        .execute();
  }

  @Test
  void anExceptionArrivesThroughTheEndpoint() throws Throwable {
    var result =
        failing(
            "dev.caisson.raise",
            python(
                """
                def inner():
                    raise ValueError('"nothing" fits:\\n\\u00e9 \\U0001f980')
                with osbuild.api.exception_handler():
                    inner()
                """));
    told(
            "own: `api.exception_handler`",
            "org.osbuild.linux",
            "type, value, traceback, status 2",
            () -> {
              var report = result.exception().orElseThrow();
              assertThat(report.type()).isEqualTo("ValueError");
              assertThat(report.value()).isEqualTo("\"nothing\" fits:\né 🦀");
              assertThat(report.traceback()).contains("in inner").contains("raise ValueError");
              assertThat(result.failure().orElseThrow()).contains("2");
              assertThat(result.output()).contains("ValueError");
            })
        .execute();
  }

  @Test
  void anExceptionTooLongForAPacketArrives() throws Throwable {
    var result =
        failing(
            "dev.caisson.raiselong",
            python(
                """
                with osbuild.api.exception_handler():
                    raise RuntimeError("x" * 600_000)
                """));
    told(
            "own: `api.exception_handler`",
            "org.osbuild.linux",
            "a value of 600,000 characters",
            () -> assertThat(result.exception().orElseThrow().value()).hasSize(600_000))
        .execute();
  }

  @Test
  void anExceptionWithANameThatIsNotTextArrives() throws Throwable {
    var result =
        failing(
            "dev.caisson.raisebytes",
            python(
                """
                with osbuild.api.exception_handler():
                    raise OSError("no file " + os.fsdecode(b"caf\\xe9"))
                """));
    told(
            "own: `api.exception_handler`",
            "org.osbuild.linux",
            "a value with half of a surrogate pair",
            () -> {
              var report = result.exception().orElseThrow();
              assertThat(report.type()).isEqualTo("OSError");
              assertThat(report.value()).startsWith("no file caf");
            })
        .execute();
  }

  @Test
  void theirRunnerReportsThatItCannotRunTheStage() throws Throwable {
    var result = failing("dev.caisson.nointerpreter", "#!/no/such/interpreter\n");
    told(
            "own: no interpreter",
            "org.osbuild.linux",
            "the runner's own exception",
            () -> {
              var report = result.exception().orElseThrow();
              assertThat(report.type()).isEqualTo("FileNotFoundError");
              assertThat(report.value()).contains("dev.caisson.nointerpreter");
              assertThat(report.traceback()).contains("subprocess");
            })
        .execute();
  }

  @Test
  void aStageThatDiesByASignalFails() throws Throwable {
    var result =
        failing(
            "dev.caisson.signal",
            python("print('here', flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)\n"));
    told(
            "own: SIGSEGV",
            "org.osbuild.linux",
            "its runner's status, -11 of 256; its output",
            () -> {
              assertThat(result.failure().orElseThrow()).contains("245");
              assertThat(result.output()).contains("here");
              assertThat(result.exception()).isEmpty();
            })
        .execute();
  }

  @Test
  void aStageThatKillsItsRunnerFails() throws Throwable {
    var result =
        failing(
            "dev.caisson.killer",
            python("os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(600)\n"));
    told(
            "own: kills its runner",
            "org.osbuild.linux",
            "the build ends and fails",
            () -> assertThat(result.failure()).isPresent())
        .execute();
  }

  @Test
  void outputThatIsNotTextIsKept() throws Throwable {
    var result =
        failing(
            "dev.caisson.bytes",
            python(
                """
                out = sys.stdout.buffer
                out.write(b"caf\\xe9 \\xff\\xfe \\x00 end \\xf0\\x9f"); out.flush()
                time.sleep(0.1)
                out.write(b"\\xa6\\x80\\n"); out.flush()
                sys.stderr.write("error\\n")
                sys.exit(3)
                """));
    told(
            "own: prints bytes",
            "org.osbuild.linux",
            "bytes that are not UTF-8 are replaced, a split character is intact",
            () ->
                assertThat(result.output())
                    .contains("caf\ufffd \ufffd\ufffd \0 end 🦀\n")
                    .contains("error\n"))
        .execute();
  }

  @Test
  void metadataArrivesUnderTheStage() throws Throwable {
    var workshop =
        workshop(
            "w",
            library(
                "dev.caisson.meta",
                python(
                    """
                    osbuild.api.metadata({"first": True})
                    osbuild.api.metadata({"packages": [{"name": "é", "epoch": None, "n": 1.5}]})
                    """)));
    var text = manifest(pipeline("p", stage("dev.caisson.meta", "{}")));
    workshop.tree(text);
    var id = workshop.read(text).pipelines().getLast().id().orElseThrow();
    told(
            "own: `api.metadata`",
            "org.osbuild.linux",
            "the last metadata that it wrote, under its id",
            () -> {
              try (var store = ObjectStore.open(workshop.place())) {
                assertThat(store.metadata(id).path(id))
                    .isEqualTo(json("{\"packages\":[{\"name\":\"é\",\"epoch\":null,\"n\":1.5}]}"));
              }
            })
        .execute();
  }

  private static JsonNode json(String text) {
    return new ObjectMapper().readTree(text);
  }

  @Test
  void optionsOfTwoMebibytesArrive() throws Throwable {
    var text = new StringBuilder("é🦀\\\"\n".repeat(100_000));
    while (text.length() < 1 << 20) {
      text.append("x");
    }
    var options =
        "{\"text\":%s,\"list\":[%s]}"
            .formatted(quoted(text.toString()), "[1,{\"a\":2}],".repeat(80_000) + "0");
    assertThat(options.length()).isGreaterThan(2 << 20);
    var tree =
        workshop(
                "w",
                library(
                    "dev.caisson.large",
                    python(
                        """
                        args = osbuild.api.arguments()
                        options = args["options"]
                        with open(args["tree"] + "/seen", "w") as seen:
                            print(hashlib.sha256(options["text"].encode()).hexdigest(), len(options["list"]), file=seen)
                        """)))
            .tree(manifest(pipeline("p", stage("dev.caisson.large", options))));
    var digest =
        Workshop.sha256(text.toString().getBytes(StandardCharsets.UTF_8))
            .substring("sha256:".length());
    told(
            "own: `api.arguments`",
            "org.osbuild.linux",
            "options of more than 2 MiB",
            () -> assertThat(tree.resolve("seen")).hasContent(digest + " 80001\n"))
        .execute();
  }

  @Test
  void aDaemonOfAStageEndsWithIt() throws Throwable {
    var mark = "86400." + ProcessHandle.current().pid();
    var workshop =
        workshop(
            "w",
            library(
                "dev.caisson.daemon",
                python(
                    """
                    subprocess.Popen(["sleep", "%s"], start_new_session=True)
                    subprocess.Popen(["sh", "-c", "trap '' TERM HUP INT; sleep %s; :"], start_new_session=True)
                    print("left behind")
                    """
                        .formatted(mark, mark))));
    long start = System.nanoTime();
    var result = workshop.build(manifest(pipeline("p", stage("dev.caisson.daemon", "{}"))));
    told(
            "own: leaves daemons that hold its output",
            "org.osbuild.linux",
            "the build ends, well; nothing is left",
            () -> {
              assertThat(result.success()).isTrue();
              assertThat(System.nanoTime() - start).isLessThan(120_000_000_000L);
              assertThat(
                      ProcessHandle.allProcesses()
                          .filter(p -> p.info().commandLine().orElse("").contains(mark)))
                  .isEmpty();
            })
        .execute();
  }

  @Test
  void aStageSeesTheSameAsInOsbuild() throws Throwable {
    var library =
        library(
            "dev.caisson.look",
            python(
                """
                def listing(path):
                    try:
                        return sorted(os.listdir(path))
                    except OSError as e:
                        return e.strerror
                def writable(path):
                    return bool(not os.statvfs(path).f_flag & os.ST_RDONLY)
                args = osbuild.api.arguments()
                status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status"))
                umask = os.umask(0)
                seen = {
                    "arguments": args,
                    "environment": {k: v for k, v in os.environ.items() if k not in ("TERM",)},
                    "argv": sys.argv,
                    "cwd": os.getcwd(),
                    "umask": umask,
                    "ids": [os.getresuid(), os.getresgid(), os.getgroups()],
                    "status": {k: status[k] for k in ("CapBnd", "NoNewPrivs", "SigBlk")},
                    "stdin": os.readlink("/proc/self/fd/0"),
                    "descriptors": [fd for fd in range(3, 256) if os.path.exists(f"/proc/self/fd/{fd}")],
                    "listings": {p: listing(p) for p in ("/", "/dev", "/run", "/run/osbuild", "/run/osbuild/runner", "/run/osbuild/bin", "/run/osbuild/inputs", "/run/osbuild/mounts", "/tmp", "/var", "/root", "/dev/shm")},
                    "writable": {p: writable(p) for p in ("/", "/usr", "/etc", "/dev", "/run", "/tmp", "/var", "/sys", "/run/osbuild/lib", "/run/osbuild/tree", "/run/osbuild/inputs", "/run/osbuild/mounts", "/run/osbuild/api/arguments", "/run/osbuild/meta")},
                    "modes": {p: oct(os.stat(p).st_mode) for p in ("/", "/usr", "/etc", "/dev/null", "/dev/shm", "/run", "/run/osbuild/api/arguments", "/tmp", "/var", "/run/osbuild/tree")},
                    "cmdline": open("/proc/cmdline").read(),
                    "interfaces": [line.split(":")[0].strip() for line in open("/proc/net/dev")][2:],
                }
                with open(args["tree"] + "/own.json", "w") as out:
                    json.dump({"CapEff": status["CapEff"], "api": listing("/run/osbuild/api"), "/var/tmp": os.stat("/var/tmp").st_mode & 0o7777}, out)
                with open(args["tree"] + "/seen.json", "w") as out:
                    json.dump(seen, out, indent=1, sort_keys=True)
                """));
    // osbuild itself requires a runner that is named after the host.
    var host = Programs.run("sh", "-euc", ". /etc/os-release; printf %s \"$ID\"");
    Files.move(
        library.resolve("runners/org.osbuild.linux"),
        library.resolve("runners/org.osbuild." + host));
    var text =
        "{\"version\":\"2\",\"pipelines\":[{\"name\":\"p\",\"source-epoch\":17,\"stages\":[%s]}]}"
            .formatted(stage("dev.caisson.look", "{\"a\":[1,\"é\"]}"));
    var tree = tree(workshop("w", library), text);
    var ours = Files.readString(tree.resolve("seen.json"));
    var own = json(Files.readString(tree.resolve("own.json")));
    var bounding = new BigInteger(json(ours).at("/status/CapBnd").asString(), 16);
    var theirs = Files.readString(theirs(text, library, "p").resolve("seen.json"));
    told(
            "own: looks around",
            "org.osbuild.linux",
            "arguments, environment, files, modes as in osbuild, and more in /dev; capabilities as"
                + " documented",
            () -> {
              var seen = (ObjectNode) json(ours);
              var devices = (ArrayNode) ((ObjectNode) seen.path("listings")).remove("/dev");
              var expected = (ObjectNode) json(theirs);
              var fewer = (ArrayNode) ((ObjectNode) expected.path("listings")).remove("/dev");
              assertThat(seen).isEqualTo(expected);
              assertThat(devices)
                  .containsExactlyInAnyOrderElementsOf(
                      Stream.concat(
                              fewer.valueStream(),
                              Stream.of("fd", "ptmx", "pts", "stderr", "stdin", "stdout")
                                  .map(JsonNodeFactory.instance::stringNode))
                          .toList());
              // If one of the capabilities is missing, osbuild has all the others.
              assertThat(new BigInteger(own.path("CapEff").asString(), 16))
                  .isEqualTo(STAGE_CAPABILITIES.and(bounding));
              assertThat(own.path("api")).contains(json("\"osbuild\""), json("\"arguments\""));
              assertThat(own.path("/var/tmp").asInt()).isEqualTo(01777);
            })
        .execute();
  }
}
