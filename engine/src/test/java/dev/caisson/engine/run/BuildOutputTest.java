package dev.caisson.engine.run;

import static dev.caisson.engine.run.Builds.manifest;
import static dev.caisson.engine.run.Builds.pipeline;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.engine.manifest.Libdir;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.manifest.ModuleInfo;
import dev.caisson.engine.run.BuildEvent.Output;
import dev.caisson.engine.run.BuildEvent.SourceFinished;
import dev.caisson.engine.run.BuildEvent.StageFinished;
import dev.caisson.engine.spi.ServiceLog;
import dev.caisson.engine.spi.SourceModule;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.service.Service;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The output of modules, and the exceptions of their services, reach the listener and the result.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Timeout(120)
class BuildOutputTest {
  private static final String DONE = "serve(lambda args: {'success': True, 'results': []})\n";

  @TempDir Path temp;
  private Libdir libdir;
  private final List<BuildEvent> events = Collections.synchronizedList(new ArrayList<>());

  @BeforeEach
  void makeLibdir() throws IOException {
    libdir = Libdir.in(temp);
    libdir.shellStage("one", "echo one > one");
    libdir.shellStage("look", "echo looking");
  }

  private BuildResult build(String manifest, String target, BuildListener listener)
      throws IOException {
    try (var store = ObjectStore.open(temp.resolve("store"))) {
      return new Build(
              Builds.read(manifest, libdir),
              store,
              libdir.index(),
              event -> {
                events.add(event);
                listener.event(event);
              })
          .run(List.of(target));
    }
  }

  private SourceResult fetch(String service, BuildListener listener) throws IOException {
    libdir.source("src", Libdir.PYTHON_SERVICE + service);
    var text =
        "{\"version\":\"2\",\"sources\":{\"src\":{\"items\":{\"a\":{}}}},\"pipelines\":["
            + pipeline("p", "one")
            + "]}";
    return build(text, "p", listener).sources().getFirst();
  }

  private StageResult withInput(String service) throws IOException {
    libdir.input("in", Libdir.PYTHON_SERVICE + service);
    var text =
        manifest(
            pipeline("p", "one"),
            """
            {"name":"q","stages":[{"type":"look","inputs":
              {"i":{"type":"in","origin":"org.osbuild.pipeline","references":["name:p"]}}}]}
            """);
    return build(text, "q", BuildListener.NONE).stages().values().stream()
        .reduce((_, last) -> last)
        .orElseThrow()
        .getLast();
  }

  private String printed(String origin) {
    return events.stream()
        .filter(event -> event instanceof Output output && output.origin().equals(origin))
        .map(event -> ((Output) event).text())
        .collect(Collectors.joining());
  }

  private int indexOf(Class<? extends BuildEvent> kind) {
    var found =
        IntStream.range(0, events.size()).filter(i -> kind.isInstance(events.get(i))).findFirst();
    return found.orElseThrow();
  }

  private Path fifo() throws Exception {
    var fifo = temp.resolve("fifo");
    Programs.run("mkfifo", fifo.toString());
    return fifo;
  }

  // Sources

  @Test
  void theLinesOfASuccessfulSourceArriveInOrderWithItsNames() throws Exception {
    var result =
        fetch(
            "for i in range(300): print(i)\nprint('no end, ', end='')\n"
                + "sys.stderr.write('an error\\n')\n"
                + DONE,
            BuildListener.NONE);
    assertThat(result.success()).isTrue();
    var lines = new ArrayList<String>();
    IntStream.range(0, 300).forEach(i -> lines.add("source/src (src): " + i));
    lines.add("source/src (src): no end, an error");
    assertThat(printed("source/src").lines()).containsExactlyElementsOf(lines);
    assertThat(result.output()).isEqualTo(printed("source/src"));
    assertThat(result.exception()).isEmpty();
    assertThat(events.subList(indexOf(SourceFinished.class), events.size()))
        .noneMatch(event -> event instanceof Output output && output.origin().equals("source/src"));
  }

  @Test
  void aLineArrivesBeforeTheSourceEnds() throws Exception {
    var fifo = fifo();
    var result =
        fetch(
            "print('waiting', flush=True)\nopen('%s').read()\nprint('going on')\n".formatted(fifo)
                + DONE,
            event -> release(event, "waiting", fifo));
    assertThat(result.success()).isTrue();
    assertThat(printed("source/src"))
        .isEqualTo("source/src (src): waiting\nsource/src (src): going on\n");
  }

  /// Releases the reader of a FIFO when an output event contains a word.
  private static void release(BuildEvent event, String word, Path fifo) {
    if (event instanceof Output output && output.text().contains(word)) {
      try {
        Files.writeString(fifo, "");
      } catch (IOException gone) {
        throw new UncheckedIOException(gone);
      }
    }
  }

  @Test
  void aFailedSourceIsReportedWithClassMessageBacktraceAndLastLines() throws Exception {
    var result =
        fetch(
            """
            def download(args):
                print('last words', flush=True)
                raise ValueError('out of order')
            serve(download)
            """,
            BuildListener.NONE);
    assertThat(result.failure()).contains("source/src: ValueError: out of order");
    assertThat(result.output()).isEqualTo("source/src (src): last words\n");
    assertThat(result.exception())
        .hasValueSatisfying(report -> {
          assertThat(report.type()).isEqualTo("ValueError");
          assertThat(report.value()).isEqualTo("out of order");
          assertThat(report.traceback()).contains("in download");
        });
  }

  @Test
  void aSourceWithABadStopHasFailed() throws Exception {
    var result = fetch(DONE + "print('too late')\nsys.exit(4)\n", BuildListener.NONE);
    assertThat(result.failure()).contains("service source/src exited with status 4");
    assertThat(result.output()).isEqualTo("source/src (src): too late\n");
  }

  @Test
  void noLineIsLostIfTheMonitorReadsAfterTheSourceHasEnded() throws Exception {
    var fifo = fifo();
    var reading = new CountDownLatch(1);
    libdir.source(
        "src",
        Libdir.PYTHON_SERVICE
            + "for i in range(20000): print('line', i)\nsys.stdout.flush()\n"
            + "open('%s', 'w').close()\n".formatted(fifo)
            + DONE);
    var result =
        Background.startPlatform(() ->
            fetch(
                Files.readString(libdir.path().resolve("sources/src"))
                    .substring(Libdir.PYTHON_SERVICE.length()),
                event -> {
                  if (event instanceof Output) {
                    await(reading);
                  }
                }));
    // Opening the FIFO blocks until the source has printed everything.
    Files.readString(fifo);
    reading.countDown();
    assertThat(result.get().success()).isTrue();
    assertThat(printed("source/src").lines()).hasSize(20_000).last().asString().endsWith("19999");
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException interrupt) {
      throw new AssertionError(interrupt);
    }
  }

  @Test
  void anEndlessLineArrivesInPieces() throws Exception {
    assertThat(fetch("print('x' * 1000000)\n" + DONE, BuildListener.NONE).success()).isTrue();
    assertThat(events)
        .filteredOn(Output.class::isInstance)
        .hasSizeGreaterThan(10)
        .allMatch(event -> ((Output) event).text().length() < 70_000);
    assertThat(printed("source/src").chars().filter(c -> c == 'x')).hasSize(1_000_000);
  }

  // Inputs

  @Test
  void theLinesOfAnInputArriveWithItsNamesAndAreOutputOfItsStage() throws Exception {
    var result =
        withInput("print('showing', flush=True)\nserve(lambda args: {'path': args['target']})\n");
    assertThat(result.success()).isTrue();
    assertThat(printed("input/i")).isEqualTo("input/i (in): showing\n");
    assertThat(printed("stages/look")).isEqualTo("looking\n");
    assertThat(result.output()).isEqualTo("input/i (in): showing\nlooking\n");
  }

  @Test
  void aFailedInputIsReportedWithClassMessageBacktraceAndLastLines() throws Exception {
    var result =
        withInput(
            """
            def show(args):
                print('last words', flush=True)
                raise KeyError('nothing')
            serve(show)
            """);
    assertThat(result.failure()).contains("input/i: KeyError: 'nothing'");
    assertThat(result.output()).isEqualTo("input/i (in): last words\n");
    assertThat(result.exception())
        .hasValueSatisfying(report -> {
          assertThat(report.type()).isEqualTo("KeyError");
          assertThat(report.traceback()).contains("in show");
        });
  }

  @Test
  void aDeadInputIsReportedWithoutItsLinesWhichAreOutput() throws Exception {
    var result = withInput("print('cannot go on', flush=True)\nsys.exit(7)\n");
    assertThat(result.failure()).contains("service input/i exited with status 7");
    assertThat(result.output()).isEqualTo("input/i (in): cannot go on\n");
  }

  // Modules in this JVM

  private static final class Talking implements SourceModule {
    @Override
    public String name() {
      return "dev.talking";
    }

    @Override
    public Service service(ServiceLog log) {
      return new Service() {
        @Override
        protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) {
          log.line("one\ntwo");
          log.line("x".repeat(100_000));
          return Message.of(JsonNodeFactory.instance.nullNode());
        }
      };
    }
  }

  @Test
  void theLinesOfAServiceInThisJvmArriveWithItsNames() throws Exception {
    var info =
        new ModuleInfo(
            ModuleInfo.Kind.SOURCE,
            "dev.talking",
            "talks",
            Set.of(),
            JsonNodeFactory.instance.objectNode());
    try (var delivery = new EventDelivery(events::add);
        var services =
            new ModuleServices(
                SpawnThread.shared(), delivery, new ModuleOutput("source/t", delivery))) {
      services
          .start("source/t", new ModuleIndex.Found.Builtin(info, new Talking()))
          .call("any", JsonNodeFactory.instance.nullNode(), Duration.ofMinutes(1));
    }
    assertThat(printed("source/t"))
        .startsWith("source/t (dev.talking): one\nsource/t (dev.talking): two\n");
    assertThat(printed("source/t").lines()).hasSize(4).allMatch(line -> line.length() < 70_000);
  }

  // Stages

  @Test
  void aLineArrivesBeforeTheStageEnds() throws Exception {
    libdir.shellStage("gated", "mkfifo gate; echo waiting; cat gate; rm gate; echo going on");
    var result =
        build(
            manifest(pipeline("p", "gated")),
            "p",
            event -> {
              if (event instanceof Output output && output.text().contains("waiting")) {
                release(event, "waiting", find("gate"));
              }
            });
    assertThat(result.success()).isTrue();
    assertThat(printed("stages/gated")).isEqualTo("waiting\ngoing on\n");
    assertThat(indexOf(StageFinished.class)).isGreaterThan(indexOf(Output.class));
  }

  private Path find(String name) {
    var found = new ArrayList<Path>();
    Eventually.holds(() -> {
      try (var files = Files.walk(temp.resolve("store"))) {
        files.filter(file -> file.endsWith(name)).forEach(found::add);
      }
      return !found.isEmpty();
    });
    return found.getFirst();
  }
}
