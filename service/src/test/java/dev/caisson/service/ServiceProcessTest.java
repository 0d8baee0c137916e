package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// A service that is a process: what it gets, what it prints, and how it ends.
@Requires(Need.PYTHON)
@ExtendWith(NoLeaks.class)
class ServiceProcessTest {
  @TempDir Path directory;

  private final Lines lines = new Lines();
  private Path program;

  @BeforeEach
  void writeTheProgram() throws IOException {
    program = Support.pythonService(directory);
  }

  private ServiceManager manager() {
    return Support.manager(lines, LONG);
  }

  private static JsonNode call(ServiceClient client, String method, String args)
      throws IOException {
    return client.call(method, json(args), LONG);
  }

  private static void print(ServiceClient client, byte[] bytes) throws IOException {
    call(client, "print", "[\"" + HexFormat.of().formatHex(bytes) + "\"]");
  }

  private static String hex(String text) {
    return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
  }

  // What it gets

  @Test
  void aServiceGetsTheDocumentedArgumentsAndThenThoseOfTheCaller() throws IOException {
    try (var manager = manager()) {
      var client = manager.start("some/id", program, List.of("--extra", "with space", ""));
      assertThat(call(client, "about", "[]").get("argv"))
          .isEqualTo(
              json(
                  """
                  ["--service-id", "some/id", "--service-fd", "3", "--extra", "with space", ""]
                  """));
      manager.finish();
    }
  }

  @Test
  void aServiceGetsItsSocketAndNoOtherDescriptor() throws IOException {
    try (var manager = manager();
        var one = Support.memfd("of the JVM")) {
      assertThat(one.isOpen()).isTrue();
      manager.start("other", program, List.of());
      var client = manager.start("a", program, List.of());
      var about = call(client, "about", "[]");
      assertThat(about.get("descriptors")).isEqualTo(json("[0, 1, 2, 3]"));
      assertThat(about.get("stdin")).isEqualTo(json("\"/dev/null\""));
      assertThat(about.get("same-output")).isEqualTo(json("true"));
      assertThat(about.get("group")).isEqualTo(json("true"));
      manager.finish();
    }
  }

  @Test
  void aServiceGetsTheEnvironmentOfTheManagerAndUnbufferedOutput() throws IOException {
    var given = Map.of("PATH", "/usr/bin:/bin", "LC_ALL", "C.UTF-8", "PYTHONPATH", "/some lib");
    try (var manager =
        new ServiceManager(lines, dev.caisson.linux.process.SpawnThread.shared(), given, LONG)) {
      var client = manager.start("a", program, List.of());
      assertThat(call(client, "about", "[]").get("environment"))
          .isEqualTo(
              json(
                  """
                  {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONPATH": "/some lib",
                   "PYTHONUNBUFFERED": "1"}
                  """));
      manager.finish();
    }
  }

  @Test
  void aMissingProgramCannotBeStartedAndLeavesTheIdFree() throws IOException {
    try (var manager = manager()) {
      assertThatThrownBy(() -> manager.start("a", Path.of("/no/such/program"), List.of()))
          .isInstanceOf(SystemCallException.class)
          .hasMessageContaining("/no/such/program")
          .hasMessageContaining("ENOENT");
      assertThat(call(manager.start("a", program, List.of()), "echo", "[1]"))
          .isEqualTo(json("[1]"));
      manager.finish();
    }
  }

  // What it prints

  @Test
  void eachLineComesWithTheIdAndTheProgram() throws Exception {
    try (var manager = manager()) {
      var client = manager.start("the id", program, List.of());
      print(client, "one\ntwo\n\nfour\n".getBytes(StandardCharsets.UTF_8));
      assertThat(lines.await(line -> line.text().equals("four")))
          .isEqualTo(new Lines.Line("the id", "service.py", "four"));
      manager.finish();
    }
    assertThat(lines.of("the id")).containsExactly("one", "two", "", "four");
  }

  @Test
  void aLineThatComesInPiecesIsOneLine() throws Exception {
    try (var manager = manager()) {
      var client = manager.start("a", program, List.of());
      for (byte piece : "gr\u00fcn \u20ac \ud83d\ude00\n".getBytes(StandardCharsets.UTF_8)) {
        print(client, new byte[] {piece});
      }
      manager.finish();
    }
    assertThat(lines.of("a")).containsExactly("gr\u00fcn \u20ac \ud83d\ude00");
  }

  @Test
  void noLineIsLostAtTheStop() throws IOException {
    try (var manager = manager()) {
      var client = manager.start("a", program, List.of());
      var text = new StringBuilder();
      for (int i = 0; i < 5000; i++) {
        text.append("line ").append(i).append('\n');
      }
      text.append("and half a one");
      call(client, "at_end", "{\"print\": \"" + hex(text.toString()) + "\"}");
      manager.stop("a");
      assertThat(lines.of("a"))
          .hasSize(5001)
          .startsWith("line 0", "line 1")
          .endsWith("line 4999", "and half a one");
      manager.finish();
    }
  }

  @Test
  @Tag("slow")
  @Tag("slow")
  void noLineIsLostAtTheStopWithASlowListener() throws IOException {
    var slow =
        new OutputListener() {
          @Override
          public void line(String id, String program, String line) {
            try {
              // Simulates a slow listener. The test does not wait for this.
              Thread.sleep(60);
            } catch (InterruptedException interrupt) {
              Thread.currentThread().interrupt();
            }
            lines.line(id, program, line);
          }
        };
    try (var manager = Support.manager(slow, LONG)) {
      var client = manager.start("a", program, List.of());
      // More than one read takes, so that a part is still in the pipe when the service has ended.
      var text = ("x".repeat(999) + "\n").repeat(40);
      call(client, "at_end", "{\"print\": \"" + hex(text) + "\"}");
      manager.stop("a");
      assertThat(lines.of("a")).hasSize(40);
      manager.finish();
    }
  }

  @Test
  void bytesThatAreNotUtf8AreShownAsReplacementCharacters() throws IOException {
    try (var manager = manager()) {
      var client = manager.start("a", program, List.of());
      print(client, HexFormat.of().parseHex("61ff62fe0a" + "c3280a" + "00010a" + "f09f98"));
      manager.finish();
    }
    assertThat(lines.of("a"))
        .containsExactly("a\ufffdb\ufffd", "\ufffd(", "\u0000\u0001", "\ufffd");
  }

  @Test
  void anEndlessLineComesInPiecesOfWholeCharacters() throws IOException {
    try (var manager = manager()) {
      var client = manager.start("a", program, List.of());
      print(client, "\u20ac".repeat(100_000).getBytes(StandardCharsets.UTF_8));
      manager.finish();
    }
    assertThat(String.join("", lines.of("a"))).isEqualTo("\u20ac".repeat(100_000));
    assertThat(lines.of("a")).hasSizeGreaterThan(1);
  }

  @Test
  void aServiceThatFloodsDoesNotDelayTheOutputOfAnother() throws Exception {
    try (var manager = manager()) {
      call(manager.start("flood", program, List.of()), "flood", "[]");
      lines.await(line -> line.id().equals("flood"));
      var quiet = manager.start("quiet", program, List.of());
      print(quiet, "still heard\n".getBytes(StandardCharsets.UTF_8));
      lines.await(line -> line.id().equals("quiet") && line.text().equals("still heard"));
      manager.finish();
    }
  }

  @Test
  void aListenerThatBlocksForOneServiceDelaysNoOther() throws Exception {
    var release = new CountDownLatch(1);
    OutputListener blocking =
        (id, name, line) -> {
          if (id.equals("flood")) {
            try {
              release.await();
            } catch (InterruptedException interrupt) {
              Thread.currentThread().interrupt();
            }
          }
          lines.line(id, name, line);
        };
    try (var manager = Support.manager(blocking, LONG)) {
      var flood = manager.start("flood", program, List.of());
      call(flood, "flood", "[]");
      assertThat(call(flood, "echo", "[1]")).as("and not even its calls").isEqualTo(json("[1]"));
      var quiet = manager.start("quiet", program, List.of());
      print(quiet, "still heard\n".getBytes(StandardCharsets.UTF_8));
      lines.await(line -> line.id().equals("quiet"));
      assertThat(lines.of("flood")).isEmpty();
      release.countDown();
      manager.finish();
    }
  }

  // How it ends

  @Test
  void theLastStartedStopsFirst() throws IOException {
    var marker = directory.resolve("stopped");
    try (var manager = manager()) {
      for (var id : List.of("a", "b", "c")) {
        call(manager.start(id, program, List.of()), "at_end", "{\"append\": \"" + marker + "\"}");
      }
      manager.finish();
    }
    assertThat(marker).hasContent("c\nb\na\n");
  }

  @Test
  void anIdIsInUseUntilItsServiceHasStopped() throws IOException {
    try (var manager = manager()) {
      manager.start("same", program, List.of());
      assertThatThrownBy(() -> manager.start("same", program, List.of()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("same");
      manager.stop("same");
      assertThat(call(manager.start("same", program, List.of()), "echo", "[3]"))
          .isEqualTo(json("[3]"));
      manager.finish();
    }
  }

  @Test
  void aDeathDuringACallIsReportedWithStatusAndLastLines() throws IOException {
    try (var manager = manager()) {
      var client = manager.start("weak", program, List.of());
      assertThatThrownBy(() -> call(client, "exit", "[7, \"first\\nlast words\"]"))
          .isInstanceOfSatisfying(
              ServiceEndedException.class,
              ended -> {
                assertThat(ended).hasMessageContaining("weak");
                assertThat(ended).hasMessageContaining("exited with status 7");
                assertThat(ended).hasMessageContaining("last words");
                assertThat(ended.lastLines()).containsExactly("first", "last words");
              });
      assertThatThrownBy(() -> call(client, "echo", "[]"))
          .isInstanceOf(ServiceEndedException.class)
          .hasMessageContaining("status 7");
      assertThatThrownBy(() -> manager.stop("weak"))
          .isInstanceOf(ServiceEndedException.class)
          .hasMessageContaining("status 7");
      manager.finish();
    }
  }

  @Test
  void aKillDuringACallIsReportedWithTheSignal() throws IOException {
    var manager = manager();
    var client = manager.start("weak", program, List.of());
    assertThatThrownBy(() -> call(client, "kill", "[9, \"last words\"]"))
        .isInstanceOfSatisfying(
            ServiceEndedException.class,
            ended -> {
              assertThat(ended).hasMessageContaining("SIGKILL");
              assertThat(ended.lastLines()).containsExactly("last words");
            });
    assertThatThrownBy(manager::finish)
        .isInstanceOf(ServiceEndedException.class)
        .hasMessageContaining("SIGKILL");
  }

  @Test
  void anExitWithStatusZeroDuringACallIsAnEndToo() throws IOException {
    var manager = manager();
    var client = manager.start("weak", program, List.of());
    assertThatThrownBy(() -> call(client, "exit", "[0, \"\"]"))
        .isInstanceOf(ServiceEndedException.class)
        .hasMessageContaining("exited with status 0");
    manager.finish();
  }

  @Test
  void onlyTheLastLinesOfALongOutputAreKept() throws IOException {
    try (var manager = manager()) {
      var client = manager.start("weak", program, List.of());
      for (int i = 0; i < 100; i++) {
        print(client, ("line " + i + "\n").getBytes(StandardCharsets.UTF_8));
      }
      assertThatThrownBy(() -> call(client, "exit", "[1, \"Traceback\"]"))
          .isInstanceOfSatisfying(
              ServiceEndedException.class,
              ended ->
                  assertThat(ended.lastLines())
                      .hasSize(20)
                      .startsWith("line 81")
                      .endsWith("line 99", "Traceback"));
      assertThatThrownBy(() -> manager.stop("weak")).isInstanceOf(ServiceEndedException.class);
      manager.finish();
    }
  }

  @Test
  void aBadExitAfterTheLastReplyFailsTheStop() throws IOException {
    try (var manager = manager()) {
      var client = manager.start("writer", program, List.of());
      call(client, "at_end", "{\"status\": 3, \"print\": \"" + hex("no space") + "\"}");
      assertThatThrownBy(() -> manager.stop("writer"))
          .isInstanceOfSatisfying(
              ServiceEndedException.class,
              ended -> {
                assertThat(ended).hasMessageContaining("writer");
                assertThat(ended).hasMessageContaining("exited with status 3");
                assertThat(ended.lastLines()).containsExactly("no space");
              });
      manager.finish();
    }
  }

  @Test
  void aBadExitAfterTheLastReplyFailsTheFinish() throws IOException {
    var marker = directory.resolve("stopped");
    var manager = manager();
    for (var id : List.of("good", "writer", "good too")) {
      int status = id.equals("writer") ? 3 : 0;
      call(
          manager.start(id, program, List.of()),
          "at_end",
          "{\"append\": \"%s\", \"status\": %d}".formatted(marker, status));
    }
    assertThatThrownBy(manager::finish)
        .isInstanceOf(ServiceEndedException.class)
        .hasMessageContaining("writer")
        .hasMessageContaining("exited with status 3");
    assertThat(marker).as("all were stopped").hasContent("good too\nwriter\ngood\n");
  }

  @Test
  void closeStopsAllServicesLikeFinishAndNeverThrows() throws IOException {
    var marker = directory.resolve("closed");
    var failure = new IllegalStateException("of the body");
    assertThatThrownBy(
            () -> {
              try (var manager = manager()) {
                for (var id : List.of("good", "writer", "good too")) {
                  int status = id.equals("writer") ? 3 : 0;
                  call(
                      manager.start(id, program, List.of()),
                      "at_end",
                      "{\"append\": \"%s\", \"status\": %d}".formatted(marker, status));
                }
                throw failure;
              }
            })
        .isSameAs(failure)
        .hasNoSuppressedExceptions();
    assertThat(marker).as("all were stopped").hasContent("good too\nwriter\ngood\n");
  }

  @Test
  @Tag("slow")
  @Tag("slow")
  void aServiceThatClosesItsConnectionAndKeepsRunningIsReported() throws Exception {
    var manager = Support.manager(lines, SHORT);
    var client = manager.start("sulking", program, List.of());
    assertThatThrownBy(() -> client.call("hang_up", json("[]"), Duration.ofSeconds(2)))
        .isInstanceOf(ServiceEndedException.class)
        .hasMessageContaining("has not ended");
    assertThatThrownBy(() -> Background.bounded(() -> stop(manager, "sulking")))
        .isInstanceOf(ServiceEndedException.class);
  }

  private static boolean stop(ServiceManager manager, String id) throws IOException {
    manager.stop(id);
    return true;
  }

  @Test
  void aDeafServiceIsKilledWithItsGroup() throws Exception {
    try (var manager = Support.manager(lines, SHORT)) {
      var client = manager.start("deaf", program, List.of());
      try (var child = open(call(client, "fork", "[]"));
          var parent = open(call(client, "at_end", "{\"deaf\": true, \"print\": \"6279\"}"))) {
        assertThatThrownBy(() -> Background.bounded(() -> stop(manager, "deaf")))
            .isInstanceOf(ServiceEndedException.class)
            .hasMessageContaining("deaf")
            .hasMessageContaining("SIGKILL");
        Processes.awaitEnd(parent, LONG);
        Processes.awaitEnd(child, LONG);
      }
      assertThat(lines.of("deaf")).containsExactly("by");
      manager.finish();
    }
  }

  @Test
  void theGroupOfAServiceThatObeysSigtermIsKilledToo() throws Exception {
    try (var manager = Support.manager(lines, SHORT)) {
      var client = manager.start("deaf", program, List.of());
      try (var child = open(call(client, "fork", "[]"));
          var parent = open(call(client, "at_end", "{\"deaf\": true, \"obey-term\": true}"))) {
        assertThatThrownBy(() -> Background.bounded(() -> stop(manager, "deaf")))
            .isInstanceOf(ServiceEndedException.class)
            .hasMessageContaining("SIGTERM");
        Processes.awaitEnd(parent, LONG);
        Processes.awaitEnd(child, LONG);
      }
      manager.finish();
    }
  }

  @Test
  void aChildThatHoldsTheOutputDoesNotDelayTheStop() throws Exception {
    try (var manager = manager()) {
      var client = manager.start("parent", program, List.of());
      try (var child = open(call(client, "fork", "[]"))) {
        call(client, "at_end", "{\"print\": \"" + hex("said before") + "\"}");
        Background.bounded(() -> stop(manager, "parent"));
        assertThat(lines.of("parent")).containsExactly("said before");
        Processes.pidfdSendSignal(child, dev.caisson.linux.Signal.KILL);
        Processes.awaitEnd(child, LONG);
      }
      manager.finish();
    }
  }

  private static Fd open(JsonNode pid) throws IOException {
    return Processes.pidfdOpen(pid.intValue()).orElseThrow();
  }

  @Test
  @Tag("slow")
  @Tag("slow")
  void allServicesTogetherHaveOneDeadlineToStop() throws Exception {
    var manager = Support.manager(lines, SHORT);
    for (int i = 0; i < 3; i++) {
      call(manager.start("deaf " + i, program, List.of()), "at_end", "{\"deaf\": true}");
    }
    assertThatThrownBy(() -> Background.bounded(() -> close(manager)))
        .isInstanceOf(ServiceEndedException.class)
        .satisfies(failure -> assertThat(failure.getSuppressed()).hasSize(2));
  }

  private static boolean close(ServiceManager manager) throws IOException {
    manager.finish();
    return true;
  }

  @Test
  @Tag("slow")
  @Tag("slow")
  void anInterruptDuringTheStopLeaksNothingAndStaysSet() throws Exception {
    var manager = manager();
    var client = manager.start("deaf", program, List.of());
    try (var parent = open(call(client, "at_end", "{\"deaf\": true}"))) {
      var interrupted =
          Background.startPlatform(() -> {
            Thread.currentThread().interrupt();
            assertThatThrownBy(manager::finish).isInstanceOf(ServiceEndedException.class);
            return Thread.interrupted();
          });
      assertThat(interrupted.get()).isTrue();
      Processes.awaitEnd(parent, LONG);
    }
  }

  @Test
  void stoppingWhileManyThreadsCallIsAnIoExceptionForEach() throws Exception {
    for (int round = 0; round < 10; round++) {
      try (var manager = manager()) {
        var client = manager.start("busy", program, List.of());
        var called = new CountDownLatch(8);
        var callers = new java.util.ArrayList<Background<Boolean>>();
        for (int t = 0; t < 4; t++) {
          callers.add(
              Background.startPlatform(() -> {
                while (true) {
                  call(client, "echo", "[1]");
                  called.countDown();
                }
              }));
        }
        assertThat(called.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
        manager.stop("busy");
        for (var caller : callers) {
          assertThatThrownBy(() -> caller.get()).isInstanceOf(IOException.class);
        }
        manager.finish();
      }
    }
  }

  @Test
  void aServiceStartedAndStoppedManyTimesLeaksNothing() throws IOException {
    long before = Support.openDescriptors();
    try (var manager = manager()) {
      for (int i = 0; i < 20; i++) {
        manager.start("again", program, List.of());
        manager.stop("again");
      }
      assertThat(Support.openDescriptors()).isLessThan(before + 10);
      assertThat(Files.exists(program)).isTrue();
      manager.finish();
    }
  }
}
