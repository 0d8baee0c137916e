package dev.caisson.engine.run;

import static dev.caisson.engine.run.Builds.assertNothingTemporary;
import static dev.caisson.engine.run.Builds.manifest;
import static dev.caisson.engine.run.Builds.objects;
import static dev.caisson.engine.run.Builds.pipeline;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.manifest.Libdir;
import dev.caisson.engine.run.BuildEvent.Output;
import dev.caisson.engine.run.BuildEvent.StageStarted;
import dev.caisson.engine.store.AutomaticCheckpoints;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
@Timeout(120)
class BuildTest {
  @TempDir Path temp;
  private Libdir libdir;
  private Path place;
  private final List<BuildEvent> events = Collections.synchronizedList(new ArrayList<>());

  /// With its first socket, the JVM opens another one that it keeps.
  @BeforeAll
  static void firstSocketOfTheJvm() throws IOException {
    new ServerSocket(0, 1, InetAddress.getLoopbackAddress()).close();
  }

  @BeforeEach
  void libdir() throws IOException {
    libdir = Libdir.in(temp);
    libdir.shellStage("one", "echo one > one");
    libdir.shellStage("two", "cat one; echo two > two");
    libdir.shellStage("three", "cat two; echo three > three");
    libdir.shellStage("fail", "echo 'this went wrong' >&2; exit 3");
    libdir.shellStage("nothing", "true");
    place = temp.resolve("store");
  }

  private BuildResult build(String manifest, String target) throws IOException {
    return build(manifest, build -> build, target);
  }

  private BuildResult build(String manifest, UnaryOperator<Build> settings, String... targets)
      throws IOException {
    events.clear();
    try (var store = ObjectStore.open(place)) {
      var build = new Build(Builds.read(manifest, libdir), store, libdir.index(), events::add);
      return settings.apply(build).run(List.of(targets));
    }
  }

  private BuildResult buildStage(String script) throws IOException {
    libdir.shellStage("stage", script);
    return build(manifest(pipeline("p", "stage")), "p");
  }

  private static StageResult last(BuildResult result) {
    return result.stages().values().stream().reduce((a, b) -> b).orElseThrow().getLast();
  }

  private List<String> stagesStarted() {
    return events.stream()
        .filter(StageStarted.class::isInstance)
        .map(event -> ((StageStarted) event).stage().type())
        .toList();
  }

  @Test
  void theErrorForAnUnknownPipelineListsTheKnownOnes() throws IOException {
    libdir.shellStage("stage", "true");
    var text = manifest(pipeline("a", "stage"), pipeline("b", "stage"));
    assertThatThrownBy(() -> build(text, "c"))
        .isInstanceOfSatisfying(
            BuildException.class,
            failure -> assertThat(failure.step()).isEqualTo(BuildException.Step.MANIFEST))
        .hasMessage("the manifest has no pipeline 'c'. It has: a, b");
    assertThat(objects(place)).isEmpty();
  }

  private Path onlyTree() throws IOException {
    return place.resolve("objects").resolve(objects(place).getFirst()).resolve("tree");
  }

  private String id(String manifest, int pipeline, int stage) throws IOException {
    return Builds.read(manifest, libdir).pipelines().get(pipeline).stages().get(stage).id();
  }

  @Test
  void thePipelineIsCommittedUnderTheIdOfItsLastStage() throws Exception {
    var text = manifest(pipeline("p", "one", "two", "three"));
    var result = build(text, "p");
    assertThat(result.success()).isTrue();
    assertThat(stagesStarted()).containsExactly("one", "two", "three");
    assertThat(objects(place)).containsExactly(id(text, 0, 2));
    assertThat(Builds.names(onlyTree())).containsExactly("one", "three", "two");
    assertNothingTemporary(place);
  }

  @Test
  void aSecondBuildRunsNoStage() throws Exception {
    var text = manifest(pipeline("p", "one", "two"));
    build(text, "p");
    var again = build(text, "p");
    assertThat(again.success()).isTrue();
    assertThat(again.stages()).isEmpty();
    assertThat(events).containsExactly(new BuildEvent.Planned(0, List.of()));
  }

  @Test
  void aBuildContinuesFromACheckpoint() throws Exception {
    var text = manifest(pipeline("p", "one", "two", "three"));
    var kept = id(text, 0, 1);
    libdir.shellStage("three", "exit 1");
    assertThat(build(text, build -> build.checkpoints(Set.of(kept)), "p").success()).isFalse();
    assertThat(objects(place)).containsExactly(kept);
    libdir.shellStage("three", "cat one two > three");
    assertThat(build(text, "p").success()).isTrue();
    assertThat(stagesStarted()).containsExactly("three");
    assertThat(objects(place)).containsExactlyInAnyOrder(kept, id(text, 0, 2));
    assertThat(place.resolve("objects").resolve(kept).resolve("tree/three")).doesNotExist();
    assertThat(place.resolve("objects").resolve(id(text, 0, 2)).resolve("tree/three"))
        .hasContent("one\ntwo\n");
  }

  @Test
  void aBuildContinuesFromAnAutomaticCheckpointAndReportsItsSize() throws Exception {
    var text = manifest(pipeline("p", "one", "two", "three"));
    var kept = id(text, 0, 1);
    libdir.shellStage("three", "exit 1");
    assertThat(build(text, build -> build.automaticCheckpoints(Set.of(kept)), "p").success())
        .isFalse();
    assertThat(objects(place)).containsExactly(kept);
    assertThat(events)
        .filteredOn(BuildEvent.CheckpointFinished.class::isInstance)
        .singleElement()
        .satisfies(event -> {
          var finished = (BuildEvent.CheckpointFinished) event;
          assertThat(finished.stage().id()).isEqualTo(kept);
          assertThat(finished.space()).isPositive();
          assertThat(finished.failure()).isEmpty();
        });
    libdir.shellStage("three", "cat one two > three");
    assertThat(build(text, build -> build.automaticCheckpoints(Set.of(kept)), "p").success())
        .isTrue();
    assertThat(stagesStarted()).containsExactly("three");
    assertThat(events).noneMatch(BuildEvent.CheckpointFinished.class::isInstance);
  }

  @Test
  void anAutomaticCheckpointThatBecomesAResultIsNotEvicted() throws Exception {
    var text = manifest(pipeline("p", "one", "two"));
    var kept = id(text, 0, 0);
    build(text, build -> build.automaticCheckpoints(Set.of(kept)), "p");
    assertThat(build(manifest(pipeline("q", "one")), "q").success()).isTrue();
    try (var store = ObjectStore.open(place)) {
      assertThat(store.automatic().evictTo(0)).isEmpty();
      assertThat(store.contains(kept)).isTrue();
    }
  }

  @Test
  void theLastStageNeedsNoAutomaticCheckpoint() throws Exception {
    var text = manifest(pipeline("p", "one"));
    var last = id(text, 0, 0);
    build(text, build -> build.automaticCheckpoints(Set.of(last)), "p");
    assertThat(events).noneMatch(BuildEvent.CheckpointFinished.class::isInstance);
    try (var store = ObjectStore.open(place)) {
      assertThat(store.automatic().contains(last)).isFalse();
    }
  }

  @Test
  void onlyTheLastAutomaticCheckpointsStay() throws Exception {
    for (int i = 0; i < AutomaticCheckpoints.MOST + 2; i++) {
      libdir.shellStage("first-" + i, "echo > file");
      var text = manifest(pipeline("p", "first-" + i, "fail"));
      var first = id(text, 0, 0);
      build(text, build -> build.automaticCheckpoints(Set.of(first)), "p");
    }
    assertThat(objects(place)).hasSize(AutomaticCheckpoints.MOST);
    assertThat(events).anyMatch(BuildEvent.CheckpointsEvicted.class::isInstance);
  }

  @Test
  void aPipelineThatBeginsLikeAStoredOneContinuesFromIt() throws Exception {
    build(manifest(pipeline("p", "one", "two")), "p");
    var longer = manifest(pipeline("q", "one", "two", "three"));
    assertThat(build(longer, "q").success()).isTrue();
    assertThat(stagesStarted()).containsExactly("three");
  }

  @Test
  void aFailingStageLeavesNoObject() throws Exception {
    var result = build(manifest(pipeline("p", "one", "fail", "two")), "p");
    assertThat(result.success()).isFalse();
    assertThat(stagesStarted()).containsExactly("one", "fail");
    assertThat(last(result).failure()).contains("exited with status 3");
    assertThat(last(result).output()).contains("this went wrong");
    assertThat(last(result).command()).contains("/run/osbuild/bin/fail");
    assertThat(objects(place)).isEmpty();
    assertNothingTemporary(place);
  }

  @Test
  void pipelinesAfterAFailedOneAreNotBuilt() throws Exception {
    var result =
        build(manifest(pipeline("p", "fail"), pipeline("q", "one")), build -> build, "p", "q");
    assertThat(result.success()).isFalse();
    assertThat(stagesStarted()).containsExactly("fail");
  }

  @Test
  void theErrorForAnUnknownPipelineNamesIt() {
    assertThatThrownBy(() -> build(manifest(pipeline("p", "one")), "q"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("'q'");
  }

  @Test
  void theMetadataOfAStageIsKept() throws Exception {
    libdir.shellStage("about", "echo '{\"colour\": [1, 2.5, \"r\\u00f6t\"]}' > /run/osbuild/meta");
    var text = manifest(pipeline("p", "about", "one"));
    assertThat(build(text, "p").success()).isTrue();
    try (var store = ObjectStore.open(place)) {
      var metadata = store.metadata(id(text, 0, 1));
      assertThat(metadata.propertyNames()).containsExactly(id(text, 0, 0));
      assertThat(metadata.path(id(text, 0, 0)).toString())
          .isEqualTo("{\"colour\":[1,2.5,\"röt\"]}");
    }
    // Also if a later build continues from there.
    var longer = manifest(pipeline("p", "about", "one", "two"));
    build(longer, "p");
    try (var store = ObjectStore.open(place)) {
      assertThat(store.metadata(id(longer, 0, 2)).has(id(text, 0, 0))).isTrue();
    }
  }

  @Test
  void aStageWithInvalidOrEndlessMetadataFails() throws Exception {
    assertThat(last(buildStage("echo '{\"a\":' > /run/osbuild/meta")).failure())
        .hasValueSatisfying(failure -> assertThat(failure).contains("metadata"));
    assertThat(last(buildStage("truncate -s 65M /run/osbuild/meta")).failure())
        .hasValueSatisfying(failure -> assertThat(failure).contains("64 MiB"));
    assertThat(objects(place)).isEmpty();
  }

  @Test
  @Requires(Need.PYTHON)
  void theResultOfAStageHasTheExceptionThatItReports() throws Exception {
    libdir.stage(
        "report",
        """
        #!/usr/bin/python3
        import json, socket, sys
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as api:
            api.connect("/run/osbuild/api/osbuild")
            for value in ("the first", "a second that must not count"):
                api.send(json.dumps({"method": "exception", "exception":
                    {"type": "ValueError", "value": value, "traceback": "line 1\\n"}}).encode())
        sys.exit(2)
        """);
    var result = last(build(manifest(pipeline("p", "report")), "p"));
    assertThat(result.failure()).contains("exited with status 2");
    assertThat(result.exception())
        .hasValueSatisfying(report -> {
          assertThat(report.type()).isEqualTo("ValueError");
          assertThat(report.value()).isEqualTo("the first");
          assertThat(report.traceback()).isEqualTo("line 1\n");
        });
  }

  @Test
  void theArgumentsOfAStageAreThoseOfTheContract() throws Exception {
    libdir.shellStage("arguments", "cat /run/osbuild/api/arguments > copy");
    var text =
        """
        {"version":"2","pipelines":[{"name":"p","source-epoch":7,"stages":[{"type":"arguments","options":{"a":["b"]}}]}]}
        """;
    assertThat(build(text, "p").success()).isTrue();
    assertThat(onlyTree().resolve("copy"))
        .hasContent(
            """
            {"tree":"/run/osbuild/tree","paths":{"devices":"/dev","inputs":"/run/osbuild/inputs",\
            "mounts":"/run/osbuild/mounts"},"devices":{},"inputs":{},"mounts":{},"options":{"a":["b"]},\
            "meta":{"id":"%s","source-epoch":7}}\
            """
                .formatted(id(text, 0, 0)));
  }

  @Test
  void aStageBeyondItsDeadlineIsEndedWithItsProcesses() throws Exception {
    libdir.shellStage("endless", "sleep 1000.25 & echo started; sleep 1000.25");
    var result =
        build(
            manifest(pipeline("p", "endless")),
            build -> build.stageTimeout(Duration.ofSeconds(2)),
            "p");
    assertThat(last(result).failure())
        .hasValueSatisfying(failure -> assertThat(failure).contains("its deadline"));
    assertThat(last(result).output()).contains("started");
    assertThat(ProcessHandle.allProcesses())
        .noneMatch(process ->
            process.info().arguments().stream()
                .anyMatch(arguments -> List.of(arguments).contains("1000.25")));
    assertThat(objects(place)).isEmpty();
    assertNothingTemporary(place);
  }

  @Test
  void aStageThatPrintsForEverIsEndedByItsDeadline() throws Exception {
    libdir.shellStage("chatty", "while :; do echo chatty; done");
    var result =
        build(
            manifest(pipeline("p", "chatty")),
            build -> build.stageTimeout(Duration.ofSeconds(1)),
            "p");
    assertThat(last(result).failure())
        .hasValueSatisfying(failure -> assertThat(failure).contains("its deadline"));
    assertThat(last(result).output()).hasSizeLessThanOrEqualTo(1 << 20);
  }

  @Test
  void anInterruptEndsTheStageAndLeaksNothing() throws Exception {
    libdir.shellStage("endless", "echo started; sleep 1000.5");
    var builder = Thread.currentThread();
    BuildResult result;
    try (var store = ObjectStore.open(place)) {
      result =
          new Build(
                  Builds.read(manifest(pipeline("p", "endless")), libdir),
                  store,
                  libdir.index(),
                  event -> {
                    if (event instanceof Output output && output.text().contains("started")) {
                      builder.interrupt();
                    }
                  })
              .run(List.of("p"));
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(result.success()).isFalse();
    assertThat(last(result).failure()).contains("was cancelled");
    assertThat(objects(place)).isEmpty();
    assertNothingTemporary(place);
  }

  @Test
  void aStageHasNoNetwork() throws Exception {
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var result =
          buildStage(
              """
              tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' > devices
              if bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d'; then echo reached; exit 1; fi
              """
                  .formatted(server.getLocalPort()));
      assertThat(result.success()).as(last(result).output()).isTrue();
      assertThat(onlyTree().resolve("devices")).hasContent("lo");
    }
  }

  @Test
  void aStageCannotWriteToTheHostOrToTheLibraryDirectory() throws Exception {
    var result =
        buildStage(
            """
            for place in /usr/caisson-test /run/osbuild/lib/caisson-test /run/osbuild/inputs/x \
                /run/osbuild/api/arguments /sys/caisson-test; do
                if (echo x > "$place") 2>/dev/null; then echo "wrote $place"; exit 1; fi
            done
            test ! -e /etc/passwd -a ! -e /home -a ! -e /root
            """);
    assertThat(result.success()).as(last(result).output()).isTrue();
  }

  @Test
  void outputIsDecodedAsUtf8WhereverItIsSplit() throws Exception {
    // The characters have three bytes, so that a buffer whose size is a power of two ends within
    // one.
    var result =
        buildStage(
            "i=0; while [ $i -lt 2000 ]; do printf '€%.0s' $(seq 100); i=$((i+1)); done > text; cat text");
    assertThat(result.success()).isTrue();
    assertThat(last(result).output()).isEqualTo("€".repeat(200_000));
    assertThat(
            events.stream()
                .filter(Output.class::isInstance)
                .map(event -> ((Output) event).text())
                .collect(Collectors.joining()))
        .isEqualTo("€".repeat(200_000));
  }

  @Test
  void outputThatIsNotUtf8DoesNotBreakTheBuild() throws Exception {
    var result = buildStage("printf 'a\\377\\376b\\342\\202'");
    assertThat(result.success()).isTrue();
    assertThat(last(result).output()).startsWith("a").contains("b").contains("\ufffd");
  }

  private static final String EPOCH =
      """
      {"version":"2","pipelines":[{"name":"p","source-epoch":1000000000,"stages":[STAGES]}]}
      """;

  private static String epoch(String... types) {
    return EPOCH.replace(
        "STAGES",
        List.of(types).stream()
            .map("{\"type\":\"%s\"}"::formatted)
            .collect(Collectors.joining(",")));
  }

  private static List<Path> allIn(Path tree) throws IOException {
    try (var paths = Files.walk(tree)) {
      return paths.toList();
    }
  }

  private static void assertClamped(Path tree) throws IOException {
    for (var path : allIn(tree)) {
      assertThat(Files.getLastModifiedTime(path, LinkOption.NOFOLLOW_LINKS))
          .as("%s", path)
          .isLessThanOrEqualTo(FileTime.from(Instant.ofEpochSecond(1000000000)));
    }
  }

  @Test
  void newerFilesGetTheTimeOfTheSourceEpoch() throws Exception {
    libdir.shellStage(
        "many",
        """
        test "$SOURCE_DATE_EPOCH" = 1000000000
        mkdir -p a/b; echo x > a/b/c; ln -s /nowhere link; ln -s / root; mkfifo pipe; mknod null c 1 3
        touch -d @5 old; touch -h -d @6 link2 || true; mkdir -m 0 closed
        """);
    assertThat(build(epoch("many"), "p").success()).isTrue();
    assertClamped(onlyTree());
    assertThat(
            Files.getLastModifiedTime(onlyTree().resolve("a/b/c"))
                .to(java.util.concurrent.TimeUnit.SECONDS))
        .isEqualTo(1000000000);
    assertThat(
            Files.getLastModifiedTime(onlyTree().resolve("old"))
                .to(java.util.concurrent.TimeUnit.SECONDS))
        .isEqualTo(5);
  }

  @Test
  void theRootOfAnUntouchedTreeHasTheTimeOfTheSourceEpoch() throws Exception {
    assertThat(build(epoch("nothing"), "p").success()).isTrue();
    assertClamped(onlyTree());
  }

  @Test
  void filesFromBeforeACheckpointHaveTheTimeOfTheSourceEpochToo() throws Exception {
    var text = epoch("one", "two");
    libdir.shellStage("two", "exit 1");
    build(text, build -> build.checkpoints(Set.of(safeId(text))), "p");
    libdir.shellStage("two", "echo two > two");
    assertThat(build(text, "p").success()).isTrue();
    assertThat(stagesStarted()).containsExactly("two");
    for (var object : objects(place)) {
      assertClamped(place.resolve("objects").resolve(object).resolve("tree"));
    }
  }

  private String safeId(String text) {
    try {
      return id(text, 0, 0);
    } catch (IOException unreadable) {
      throw new AssertionError(unreadable);
    }
  }

  @Test
  void aPipelineIsBuiltInTheTreeOfItsBuildPipeline() throws Exception {
    libdir.shellStage(
        "root",
        """
        mkdir -p usr/bin usr/lib usr/lib64 etc
        cp -aL /usr/bin/dash usr/bin/sh; cp -a /usr/lib/os-release usr/lib/ || true
        for library in $(ldd /usr/bin/dash | grep -o '/[^ ]*'); do
            mkdir -p "usr/$(dirname "${library#/usr}")"; cp -aL "$library" "usr/${library#/usr}"
        done
        echo mark > usr/mark
        """);
    libdir.stage(
        "inside", "#!/bin/sh\nread mark < /usr/mark\necho $mark > /run/osbuild/tree/seen\n");
    var text =
        manifest(
            pipeline("build", "root"),
            "{\"name\":\"p\",\"build\":\"name:build\",\"stages\":[{\"type\":\"inside\"}]}");
    var result = build(text, "p");
    assertThat(result.success()).as(last(result).output()).isTrue();
    assertThat(stagesStarted()).containsExactly("root", "inside");
    assertThat(place.resolve("objects").resolve(id(text, 1, 0)).resolve("tree/seen"))
        .hasContent("mark");
  }

  @Test
  void theErrorForAMissingRunnerNamesIt() throws Exception {
    var text =
        manifest(
            "{\"name\":\"build\",\"runner\":\"org.osbuild.nosuch9\",\"stages\":[{\"type\":\"nothing\"}]}",
            "{\"name\":\"p\",\"build\":\"name:build\",\"stages\":[{\"type\":\"one\"}]}");
    assertThatThrownBy(() -> build(text, "p"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("org.osbuild.nosuch9");
    assertNothingTemporary(place);
  }

  @Test
  void anUnneededPipelineIsNotBuilt() throws Exception {
    build(manifest(pipeline("unneeded", "fail"), pipeline("p", "one")), "p");
    assertThat(stagesStarted()).containsExactly("one");
  }

  @Test
  void equalPipelinesAreBuiltOnce() throws Exception {
    var result =
        build(manifest(pipeline("p", "one"), pipeline("q", "one")), build -> build, "p", "q");
    assertThat(result.success()).isTrue();
    assertThat(stagesStarted()).containsExactly("one");
  }

  @Test
  @Requires(Need.PYTHON)
  void aFailedSourceFailsTheBuildBeforeAnyStage() throws Exception {
    libdir.source(
        "src",
        Libdir.PYTHON_SERVICE
            + """
            serve(lambda args: {"success": False, "results": [{"success": False, "error": "no such file",
                "metadata": {"checksum": "sha256:1"}}]})
            """);
    var text =
        "{\"version\":\"2\",\"sources\":{\"src\":{\"items\":{\"a\":{}}}},\"pipelines\":["
            + pipeline("p", "one")
            + "]}";
    var result = build(text, "p");
    assertThat(result.success()).isFalse();
    assertThat(result.sources().getFirst().failure()).contains("no such file");
    assertThat(stagesStarted()).isEmpty();
    // The source is not asked if all pipelines are in the store.
    build(manifest(pipeline("p", "one")), "p");
    assertThat(build(text, "p").success()).isTrue();
  }

  @Test
  @Requires(Need.PYTHON)
  void aDeadSourceIsReportedWithItsLastLines() throws Exception {
    libdir.source(
        "src", "#!/usr/bin/python3\nimport sys\nprint('cannot go on', flush=True)\nsys.exit(7)\n");
    var text =
        "{\"version\":\"2\",\"sources\":{\"src\":{\"items\":{\"a\":{}}}},\"pipelines\":["
            + pipeline("p", "one")
            + "]}";
    var source = build(text, "p").sources().getFirst();
    assertThat(source.failure()).contains("service source/src exited with status 7");
    assertThat(source.output()).isEqualTo("source/src (src): cannot go on\n");
    assertThat(source.exception()).isEmpty();
    assertNothingTemporary(place);
  }

  private String withInput(String mapping) throws IOException {
    libdir.input("in", Libdir.PYTHON_SERVICE + mapping);
    return manifest(
        pipeline("p", "one"),
        """
        {"name":"q","stages":[{"type":"look","inputs":{"i":{"type":"in","origin":"org.osbuild.pipeline","references":["name:p"]}}}]}
        """);
  }

  @Test
  @Requires(Need.PYTHON)
  void aStageSeesItsInputsAndCannotChangeThem() throws Exception {
    libdir.shellStage(
        "look",
        "cp /run/osbuild/inputs/i/sub/one .; if echo x > /run/osbuild/inputs/i/sub/one; then exit 1; fi");
    var text =
        withInput(
            """
            def show(args):
                target = os.path.join(args["target"], "sub")
                os.mkdir(target)
                store = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                store.connect(args["api"]["store"])
                store.send(json.dumps({"method": "read-tree-at", "object-id": list(args["refs"])[0],
                    "target": target, "subtree": "/"}).encode())
                assert json.loads(store.recv(65536))["path"] == target
                return {"path": args["target"], "data": {"x": 1}}
            serve(show)
            """);
    var result = build(text, "q");
    assertThat(result.success()).as(last(result).output()).isTrue();
    assertThat(place.resolve("objects").resolve(id(text, 1, 0)).resolve("tree/one"))
        .hasContent("one");
    assertThat(place.resolve("objects").resolve(id(text, 0, 0)).resolve("tree/one"))
        .hasContent("one");
  }

  @Test
  @Requires(Need.PYTHON)
  void anInputPathOutsideItsDirectoryIsRefused() throws Exception {
    libdir.shellStage("look", "true");
    for (var path :
        List.of("/etc", "args[\"target\"] + \"/../../..\"", "args[\"target\"] + \"x\"")) {
      var text =
          withInput(
              "serve(lambda args: {\"path\": %s})"
                  .formatted(path.startsWith("/") ? "\"" + path + "\"" : path));
      assertThat(last(build(text, "q")).failure())
          .hasValueSatisfying(failure -> assertThat(failure).contains("input 'i'"));
    }
  }

  @Test
  @Requires(Need.PYTHON)
  void theStoreMountsOnlyTreesAndOnlyBelowTheDirectoryOfTheStage() throws Exception {
    libdir.shellStage("look", "true");
    libdir.shellStage("one", "ln -s / out; ln -s ../../../.. up; echo one > one");
    var text =
        withInput(
            """
            def show(args):
                store = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                store.connect(args["api"]["store"])
                def ask(**request):
                    store.send(json.dumps(request).encode())
                    answer = json.loads(store.recv(65536))
                    print(json.dumps([request, answer]), flush=True)
                    return answer
                id = list(args["refs"])[0]
                target = args["target"]
                at = lambda subtree, target=target, id=id: ask(method="read-tree-at",
                    **{"object-id": id, "target": target, "subtree": subtree})
                assert "error" in at("/", target="/mnt")
                assert "error" in at("/", target=target + "/../../../../../..")
                assert "error" in at("/out/etc")
                assert "error" in at("/up")
                assert "error" in at("/nosuch")
                assert at("/", id="0" * 64)["path"] is None
                assert at("/", id="../tmp").get("path") is None
                assert "exception" in ask(method="source", name="../../x")
                assert "exception" in ask(method="nosuch")
                assert "exception" in ask(nothing=1)
                assert at("/../..")["path"] == target
                return {"path": target}
            serve(show)
            """);
    var result = build(text, "q");
    assertThat(result.success())
        .as("%s %s", last(result).failure(), last(result).output())
        .isTrue();
  }

  @Test
  void aTreeDoesNotDependOnTheUmaskOfTheCaller() throws Exception {
    libdir.shellStage("make", "mkdir directory; echo x > file; umask");
    var text = manifest(pipeline("p", "make"));
    var file = Files.writeString(temp.resolve("manifest.json"), text);
    var command = new ArrayList<>(List.of("sh", "-c", "umask 077; exec \"$@\"", "sh"));
    command.addAll(
        Programs.java(
            ChildBuild.class,
            place.toString(),
            libdir.path().toString(),
            file.toString(),
            "p",
            "-"));
    assertThat(Programs.run(command.toArray(String[]::new))).contains("success");
    for (var path : allIn(onlyTree())) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
          .as("%s", path)
          .isEqualTo(Files.isDirectory(path) ? "rwxr-xr-x" : "rw-r--r--");
    }
  }
}
