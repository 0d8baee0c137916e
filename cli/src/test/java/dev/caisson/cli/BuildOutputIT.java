package dev.caisson.cli;

import static dev.caisson.cli.BuildLibrary.FETCHED;
import static dev.caisson.cli.BuildLibrary.SERVICE;
import static dev.caisson.cli.BuildLibrary.SHOWN;
import static dev.caisson.cli.BuildLibrary.withInput;
import static dev.caisson.cli.BuildLibrary.withSource;
import static dev.caisson.cli.BuildLibrary.withStage;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.json.JsonMapper;

/// Each monitor shows the output of modules and the reasons of failures once, as they arrive.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Timeout(240)
class BuildOutputIT {
  private static final String RAISE =
      """
      def work(args):
          print('last words', flush=True)
          raise ValueError('out of order')
      serve(work)
      """;

  @TempDir Path directory;
  private Caisson caisson;
  private BuildLibrary library;

  /// Modules that run on the host as services.
  enum Kind {
    SOURCE("source/src (src): "),
    INPUT("input/i (in): ");

    private final String prefix;

    Kind(String prefix) {
      this.prefix = prefix;
    }

    /// Writes a module of this kind, and a manifest that uses it.
    private void prepare(BuildLibrary library, Path manifest, String program) throws IOException {
      switch (this) {
        case SOURCE -> {
          library.source("src", SERVICE + program);
          Files.writeString(manifest, withSource("look"));
        }
        case INPUT -> {
          library.input("in", SERVICE + program);
          Files.writeString(manifest, withInput("look"));
        }
      }
    }

    private String good() {
      return this == SOURCE ? FETCHED : SHOWN;
    }
  }

  @BeforeEach
  void prepare() throws IOException {
    caisson = new Caisson(directory);
    library = new BuildLibrary(directory.resolve("libdir"));
    library.stage("look", "#!/bin/sh\necho looking\n");
  }

  private String[] build(String... options) {
    return Stream.concat(
            Stream.of("build", "m.json", "--libdir", library.path().toString()), Stream.of(options))
        .toArray(String[]::new);
  }

  private void prepare(Kind kind, String program) throws IOException {
    kind.prepare(library, directory.resolve("m.json"), program);
  }

  /// The output and the errors of a run, as one stream.
  private String joined(String... options) throws Exception {
    var process = caisson.start(build(options));
    var text = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    return text;
  }

  /// The records of a JSON text sequence whose text contains a word.
  private static List<String> records(String sequence, String word) {
    return sequence.lines().filter(line -> line.contains(word)).toList();
  }

  private void assertOnce(String text, String part) {
    assertThat(text.split(java.util.regex.Pattern.quote(part), -1)).as(text).hasSize(2);
  }

  // Success

  @ParameterizedTest
  @EnumSource
  void aCarriageReturnDoesNotHideTheOriginOfALine(Kind kind) throws Exception {
    prepare(kind, "print('x\\rdone  a  /evil\\r', flush=True)\n" + kind.good());
    var answer = caisson.run(build());
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out().lines())
        .containsOnlyOnce(kind.prefix + "x", kind.prefix + "done  a  /evil")
        .noneMatch(line -> line.startsWith("done  a"));
  }

  @Test
  void theResultHasTheOutputOfASourceThatSucceeded() throws Exception {
    prepare(Kind.SOURCE, "print('hello', flush=True)\n" + Kind.SOURCE.good());
    var answer = caisson.run(build("--json"));
    assertThat(answer.status()).as(answer.err()).isZero();
    var json = new JsonMapper().readTree(answer.out());
    assertThat(json.path("source_output").path("src").asString())
        .isEqualTo(Kind.SOURCE.prefix + "hello\n");
  }

  @ParameterizedTest
  @EnumSource
  void charactersThatReorderTextAreEscaped(Kind kind) throws Exception {
    prepare(kind, "print('a\\u202eb\\u2066c', flush=True)\n" + kind.good());
    var answer = caisson.run(build());
    assertThat(answer.out().lines()).containsOnlyOnce(kind.prefix + "a\\u202eb\\u2066c");
  }

  @ParameterizedTest
  @EnumSource
  void outputOfAServiceIsShownOnceWithItsNames(Kind kind) throws Exception {
    prepare(kind, "print('hello', flush=True)\n" + kind.good());
    var answer = caisson.run(build());
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out().lines()).containsOnlyOnce(kind.prefix + "hello", "  | looking");
    assertThat(answer.err()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void aProgramReadsTheOutputOfAService(Kind kind) throws Exception {
    prepare(kind, "print('hello', flush=True)\n" + kind.good());
    var answer = caisson.run(build("--monitor", "JSONSeqMonitor"));
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(records(answer.out(), "\"message\":\"" + kind.prefix))
        .singleElement()
        .asString()
        .startsWith("\u001e{\"message\":\"" + kind.prefix + "hello\\n\"")
        .contains("\"origin\":\"" + kind.prefix.split(" ", 2)[0] + "\"")
        .contains("\"timestamp\":");
    assertThat(records(answer.out(), "\"message\":\"looking"))
        .singleElement()
        .asString()
        .contains("\"context\":{\"origin\":\"stages/look\",\"pipeline\":{\"name\":\"p\"")
        .contains("\"stage\":{\"name\":\"look\"");
  }

  @Test
  void outputIsHiddenByQuietAndOnlyInTheResultWithJson() throws Exception {
    prepare(Kind.SOURCE, "print('hello', flush=True)\n" + FETCHED);
    assertThat(joined("-q")).isEmpty();
    var text = joined("--json", "--store", "other");
    assertThat(text).startsWith("{").endsWith("}\n");
    assertOnce(text, "hello");
  }

  @Test
  void outputCannotControlATerminal() throws Exception {
    library.stage("look", "#!/bin/sh\nprintf 'a\\033[2Jb\\r\\nc\\rd'\n");
    prepare(Kind.SOURCE, "print('x\\x1b[2Jy', flush=True)\n" + FETCHED);
    var answer = caisson.run(build());
    assertThat(answer.out().lines())
        .contains("source/src (src): x\\x1b[2Jy", "  | a\\x1b[2Jb", "  | c", "  | d")
        .noneMatch(line -> line.indexOf('\033') >= 0);
  }

  // Failure

  private void assertDetails(String text, Kind kind) {
    assertOnce(text, "ValueError: out of order");
    assertOnce(text, "in work");
    assertOnce(text, kind.prefix + "last words");
  }

  @ParameterizedTest
  @EnumSource
  void aFailureIsShownWithClassMessageBacktraceAndLastLines(Kind kind) throws Exception {
    prepare(kind, RAISE);
    var answer = caisson.run(build());
    assertThat(answer.status()).isEqualTo(1);
    assertDetails(answer.err(), kind);
    assertDetails(answer.out(), kind);
    assertThat(answer.err()).contains("To repeat it: caisson build m.json");
  }

  @ParameterizedTest
  @EnumSource
  void aReaderOfBothStreamsReadsAFailureOnce(Kind kind) throws Exception {
    prepare(kind, RAISE);
    assertDetails(joined(), kind);
  }

  @ParameterizedTest
  @EnumSource
  void aQuietBuildShowsAFailureInFull(Kind kind) throws Exception {
    prepare(kind, RAISE);
    assertDetails(joined("-q"), kind);
  }

  @ParameterizedTest
  @EnumSource
  void theLogMonitorOfAnotherDescriptorShowsAFailureInFull(Kind kind) throws Exception {
    prepare(kind, RAISE);
    var answer = caisson.through("\"$@\" 3> log", build("--monitor-fd", "3"));
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.out()).isEmpty();
    assertDetails(answer.err(), kind);
    assertDetails(Files.readString(directory.resolve("log")), kind);
  }

  @ParameterizedTest
  @EnumSource
  void aProgramReadsAFailureInFull(Kind kind) throws Exception {
    prepare(kind, RAISE);
    var out = caisson.run(build("--monitor", "JSONSeqMonitor")).out();
    assertThat(records(out, "\"message\":\"" + kind.prefix + "last words")).hasSize(1);
    assertThat(records(out, "\"result\":"))
        .last()
        .asString()
        .contains("\"success\":false")
        .contains("\"error\":{\"type\":\"exception\",\"data\":{\"type\":\"ValueError\"")
        .contains("\"value\":\"out of order\"")
        .contains("in work");
  }

  @Test
  void theResultHoldsTheExceptionAndTheLastLinesOfASource() throws Exception {
    prepare(Kind.SOURCE, RAISE);
    var answer = caisson.run(build("--json"));
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err()).isEmpty();
    assertThat(answer.out())
        .contains("\"type\" : \"org.osbuild.error.source\"")
        .contains("\"output\" : \"source/src: ValueError: out of order\"")
        .contains("\"log\" : \"source/src (src): last words\\n\"")
        .contains("\"type\" : \"ValueError\"")
        .contains("\"value\" : \"out of order\"")
        .containsPattern("\"traceback\" : \".*in work");
  }

  @Test
  void theResultHoldsTheExceptionAndTheLastLinesOfAnInput() throws Exception {
    prepare(Kind.INPUT, RAISE);
    assertThat(caisson.run(build("--json")).out())
        .contains("\"type\" : \"org.osbuild.error.stage\"")
        .contains("\"reason\" : \"input/i: ValueError: out of order\"")
        .contains("\"output\" : \"input/i (in): last words\\n\"")
        .containsPattern("\"traceback\" : \".*in work");
  }

  @ParameterizedTest
  @EnumSource
  void aServiceThatDiesIsAFailureWithItsLastLines(Kind kind) throws Exception {
    prepare(kind, "print('cannot go on', flush=True)\nsys.exit(7)\n");
    var text = joined();
    assertThat(text).contains("exited with status 7");
    assertOnce(text, kind.prefix + "cannot go on");
    assertThat(caisson.run(build("--json")).out())
        .contains("\"success\" : false")
        .contains("cannot go on");
  }

  @Test
  void aLongResultIsBounded() throws Exception {
    library.stage("look", "#!/bin/sh\nseq 400000\nexit 1\n");
    Files.writeString(directory.resolve("m.json"), withStage("look"));
    assertThat(caisson.run(build("--json")).out().length()).isBetween(2_000_000, 2_500_000);
    assertThat(records(caisson.run(build("--monitor", "JSONSeqMonitor")).out(), "\"result\":"))
        .last()
        .asString()
        .contains("characters hidden")
        .contains("399999\\n400000\\n")
        .hasSizeLessThan(64 * 1024);
  }

  // Output as it arrives

  @Test
  void aLineOfAStageIsShownBeforeTheStageEnds() throws Exception {
    library.stage(
        "look", "#!/bin/sh\ncd /run/osbuild/tree; mkfifo gate; echo waiting; cat gate; rm gate\n");
    Files.writeString(directory.resolve("m.json"), withStage("look"));
    for (var monitor : List.of("LogMonitor", "JSONSeqMonitor")) {
      var process = caisson.start(build("--monitor", monitor, "--store", monitor));
      try (var reader = process.inputReader(UTF_8)) {
        while (!reader.readLine().contains("waiting")) {
          // An earlier line.
        }
        Files.writeString(find("gate"), "");
        assertThat(reader.lines()).isNotEmpty();
        assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).isZero();
      } finally {
        Programs.end(process);
      }
    }
  }

  @Test
  void theBeginningOfAnUnfinishedLineIsShown() throws Exception {
    library.stage(
        "look",
        "#!/bin/sh\ncd /run/osbuild/tree; mkfifo gate; printf half; cat gate; rm gate; echo ' full'\n");
    Files.writeString(directory.resolve("m.json"), withStage("look"));
    var process = caisson.start(build());
    try (var in = process.getInputStream()) {
      assertThat(new String(in.readNBytes("  | half".length()), UTF_8)).isEqualTo("  | half");
      Files.writeString(find("gate"), "");
      assertThat(new String(in.readAllBytes(), UTF_8)).startsWith(" full\nstage  p  look");
    } finally {
      Programs.end(process);
    }
  }

  private Path find(String name) {
    var found = new ArrayList<Path>();
    Eventually.holds(() -> {
      try (var files = Files.walk(directory)) {
        files.filter(file -> file.endsWith(name)).forEach(found::add);
      }
      return !found.isEmpty();
    });
    return found.getFirst();
  }

  // Slow readers

  @Test
  void aLateReaderReadsEveryLine() throws Exception {
    var fifo = directory.resolve("fifo");
    Programs.run("mkfifo", fifo.toString());
    prepare(
        Kind.SOURCE,
        "for i in range(10000): print('line', i)\nopen('%s', 'w').close()\n".formatted(fifo)
            + FETCHED);
    var process = caisson.start(build());
    try {
      // Opening waits until the source has printed everything.
      Files.readString(fifo);
      assertThat(new String(process.getInputStream().readAllBytes(), UTF_8).lines())
          .filteredOn(line -> line.startsWith("source/src (src): line "))
          .hasSize(10_000)
          .last()
          .isEqualTo("source/src (src): line 9999");
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
      assertThat(process.exitValue()).isZero();
    } finally {
      Programs.end(process);
    }
  }

  @Test
  @Tag("slow")
  void aTimeoutOfAStageHoldsWithoutAReader() throws Exception {
    library.stage("look", "#!/bin/sh\nyes\n");
    Files.writeString(directory.resolve("m.json"), withStage("look"));
    var launcher = caisson.launcher("launcher", build("--stage-timeout", "1"));
    var process =
        new ProcessBuilder(launcher.toString())
            .directory(directory.toFile())
            .redirectError(directory.resolve("errors").toFile())
            .start();
    try {
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
      assertThat(process.exitValue()).isEqualTo(1);
      assertThat(directory.resolve("errors")).content().contains("its deadline");
    } finally {
      Programs.end(process);
    }
  }

  @Test
  void aSignalEndsABuildWhoseOutputIsUnread() throws Exception {
    library.stage("look", "#!/bin/sh\nyes\n");
    Files.writeString(directory.resolve("m.json"), withStage("look"));
    var process = caisson.start(build());
    try {
      Eventually.holds(() -> process.getInputStream().available() >= 4096);
      process.destroy();
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
      assertThat(process.exitValue()).isEqualTo(143);
    } finally {
      Programs.end(process);
    }
  }

  @Test
  void outputThatCannotBeWrittenIsAnError() throws Exception {
    Files.writeString(directory.resolve("m.json"), withStage("look"));
    for (var redirection : List.of("> /dev/full", "3> /dev/full --monitor-fd 3")) {
      var answer = caisson.through("rm -rf .caisson; \"$@\" " + redirection, build());
      assertThat(answer.status()).as(redirection).isEqualTo(1);
      assertThat(answer.err()).as(redirection).contains("cannot be written");
    }
  }
}
