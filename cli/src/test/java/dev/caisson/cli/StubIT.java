package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `caisson stub` runs a handler in place of other programs.
@ExtendWith(NoLeaks.class)
@Timeout(300)
class StubIT {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final JsonMapper JSON = new JsonMapper();
  private static final String CTRL_C = "\003";

  @TempDir Path directory;
  private Caisson caisson;
  private Path cache;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
    cache =
        "root".equals(System.getProperty("user.name"))
            ? Path.of("/var/cache/caisson/stubs")
            : directory.resolve("cache/caisson/stubs");
    caisson.with(Map.of("XDG_CACHE_HOME", directory.resolve("cache").toString()));
  }

  /// Runs a shell script with these options.
  private Caisson.Answer stub(String script, String... options) throws Exception {
    var args = new ArrayList<>(List.of("stub"));
    args.addAll(List.of(options));
    args.addAll(List.of("--", "sh", "-c", script));
    return caisson.run(args.toArray(String[]::new));
  }

  /// Runs a shell script that must succeed without errors, and returns its output.
  private String output(String script, String... options) throws Exception {
    var answer = stub(script, options);
    assertThat(answer.status()).as(answer.out() + answer.err()).isZero();
    assertThat(answer.err()).isEmpty();
    return answer.out();
  }

  private List<JsonNode> record(String name) throws IOException {
    return Files.readAllLines(directory.resolve(name)).stream()
        .<JsonNode>map(JSON::readTree)
        .toList();
  }

  private static List<String> arguments(JsonNode call) {
    var texts = new ArrayList<String>();
    call.get("arguments").forEach(argument -> texts.add(argument.stringValue()));
    return texts;
  }

  @Test
  void aHandlerInheritsAllOfTheCaller() throws Exception {
    var handler =
        caisson.executable(
            "handler",
            """
            #!/bin/sh
            echo "$CAISSON_STUB_NAME: $(cat), $# arguments, the second is '$2'"
            echo "in $PWD, umask $(umask), $NAME, of $PPID" >&5
            echo problem >&2
            exit 9
            """);
    var script =
        """
        mkdir d; cd d; umask 027; export NAME=value
        echo letter | sh -c 'sendmail "" "a  b"; echo $?, I am $$' 5>&1 2>errors
        cat errors
        """;
    var lines = output(script, "sendmail", "--exec", "./" + handler.getFileName()).lines().toList();
    assertThat(lines).hasSize(4);
    assertThat(lines.getFirst()).isEqualTo("sendmail: letter, 2 arguments, the second is 'a  b'");
    assertThat(lines.get(1))
        .startsWith("in " + directory.resolve("d") + ", umask 0027, value, of ");
    var shell = lines.get(1).substring(lines.get(1).lastIndexOf(' ') + 1);
    assertThat(lines.subList(2, 4)).containsExactly("9, I am " + shell, "problem");
  }

  @Test
  void commandAndHandlerHaveNoDescriptorOfCaisson() throws Exception {
    var look = "ls -l /proc/self/fd | awk 'NR > 1 {print $9}' | tr '\\n' ' '";
    caisson.executable("look", "#!/bin/sh\n" + look + "\n");
    var out = output(look + "; echo; one < /dev/null", "one", "--exec", "./look");
    // The last descriptor is the directory that ls reads.
    assertThat(out).isEqualTo("0 1 2 3 \n0 1 2 3 ");
  }

  @Test
  void aHandlerHasTheEnvironmentOfTheCallerWithAnotherPathAndTwoMoreVariables() throws Exception {
    var script = "unset HOME; env | sort > before; a; CAISSON_STUB_NAME=x a > /dev/null";
    caisson.executable("handler", "#!/bin/sh\nexec env > \"$CAISSON_STUB_NAME\"\n");
    output(script, "a", "--exec", directory.resolve("handler").toString());
    var added = new ArrayList<>(Files.readAllLines(directory.resolve("a")));
    added.removeAll(Files.readAllLines(directory.resolve("before")));
    assertThat(added.stream().filter(variable -> !variable.startsWith("_=")))
        .containsExactlyInAnyOrder(
            "CAISSON_STUB_NAME=a",
            "CAISSON_STUB_PATH=" + System.getenv("PATH"),
            "PATH=" + System.getenv("PATH"));
  }

  @Test
  void aHandlerCanCallTheRealProgram() throws Exception {
    caisson.executable(
        "uname", "#!/bin/sh\necho not a $(PATH=$CAISSON_STUB_PATH exec uname \"$@\")\n");
    assertThat(output("uname -s; env uname", "uname", "--exec", "./uname"))
        .isEqualTo("not a Linux\nnot a Linux\n");
  }

  @Test
  void aHandlerNameIsLookedUpInThePathWithoutStubs() throws Exception {
    assertThat(output("echo x | cat; echo x | grep", "cat", "grep", "--exec", "cat"))
        .isEqualTo("x\nx\n");
  }

  @Test
  void aHandlerWithoutAnInterpreterLineRunsInAShell() throws Exception {
    caisson.executable("handler", "echo $# $1\n");
    assertThat(output("one a b", "one", "--exec", "./handler")).isEqualTo("2 a\n");
  }

  @Test
  void withoutAHandlerACallExits() throws Exception {
    assertThat(output("one; echo $?", "one")).isEqualTo("0\n");
    assertThat(output("one; echo $?", "--exit", "44", "one")).isEqualTo("44\n");
  }

  @Test
  void theCallerSeesTheSignalThatKilledAHandler() throws Exception {
    caisson.executable("handler", "#!/bin/sh\nkill -KILL $$\n");
    assertThat(stub("one; echo $?", "one", "--exec", "./handler").out()).isEqualTo("137\n");
  }

  @Test
  void callsRunConcurrently() throws Exception {
    caisson.executable("handler", "#!/bin/sh\necho $1\n");
    var script = "for i in $(seq 30); do one $i & done; wait";
    assertThat(output(script, "one", "--exec", "./handler", "--record", "r").lines())
        .hasSize(30)
        .doesNotHaveDuplicates();
    assertThat(record("r"))
        .extracting(call -> call.get("sequence").intValue())
        .isEqualTo(IntStream.rangeClosed(1, 30).boxed().toList());
  }

  @Test
  void aRecordHasAllBytesOfEachCall() throws Exception {
    var script =
        """
        one '' 'a
        b' "$(head -c 102400 /dev/zero | tr '\\0' x)"
        (cd /; exec sh -c 'two $$; exec two')
        printf 'a\\377\\0b' | xargs -0 one
        bash -c 'exec -a other one ""'
        """;
    output(script, "one", "two", "--record", "r");
    var calls = record("r");
    assertThat(calls)
        .extracting(call -> call.get("name").stringValue())
        .containsExactly("one", "two", "two", "one", "one");
    assertThat(arguments(calls.getFirst())).containsExactly("", "a\nb", "x".repeat(102400));
    assertThat(calls.getFirst().has("argv0")).isFalse();
    assertThat(calls.getFirst().get("directory").stringValue()).isEqualTo(directory.toString());
    assertThat(calls.get(1).get("directory").stringValue()).isEqualTo("/");
    assertThat(calls.get(1).get("ppid")).isEqualTo(calls.get(2).get("pid"));
    assertThat(arguments(calls.get(1)))
        .containsExactly(Integer.toString(calls.get(2).get("pid").intValue()));
    var argument = calls.get(3).get("arguments").get(0).get("base64").stringValue();
    assertThat(Base64.getDecoder().decode(argument)).containsExactly('a', 0xff);
    assertThat(calls.get(4).get("argv0").stringValue()).isEqualTo("other");
    assertThat(calls).isNotEmpty().noneMatch(call -> call.has("environment"));
  }

  @Test
  void aCallIsRecordedBeforeTheCallerGoesOn() throws Exception {
    assertThat(output("one a; wc -l < r; one b; wc -l < r", "one", "--record", "r"))
        .isEqualTo("1\n2\n");
  }

  @Test
  void aRecordCanBeAFileOfExpectations() throws Exception {
    var script = "one a; (cd /; X=1 two ''); printf 'a\\377' | xargs one";
    output(script, "one", "two", "--record", "r", "--record-environment");
    assertThat(record("r")).hasSize(3).allMatch(call -> call.get("environment").size() > 1);
    output(script, "one", "two", "--expect", "r");
    output(script, "one", "two", "--expect", "r", "--any-order");
    var answer = stub(script.replace("X=1", "X=2"), "one", "two", "--expect", "r");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .isEqualTo(
            """
            caisson: the invocations differ from r:
              expected, line 2: two ''
                   was, invocation 2: two ''
                   with another value of X
            """);
  }

  @Test
  void missingSurplusAndDifferentCallsAreReported() throws Exception {
    Files.writeString(
        directory.resolve("e"),
        """
        {"name": "one", "arguments": ["1"]}
        {"name": "two", "arguments": []}

        {"name": "one", "arguments": ["a b", "\\n"], "directory": "/x"}
        {"name": "one", "arguments": ["4"]}
        """);
    var answer = stub("one 1; one ab; one 4; three", "one", "two", "three", "--expect", "e");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .isEqualTo(
            """
            caisson: the invocations differ from e:
              missing, line 2: two
              expected, line 4: one 'a b' $'\\n'
                   was, invocation 2: one ab
                   in %s, not in /x
              surplus, invocation 4: three
            """
                .formatted(directory));
  }

  @Test
  void theOrderCountsUnlessAnyOrderIsGiven() throws Exception {
    Files.writeString(
        directory.resolve("e"),
        """
        {"name": "one", "arguments": []}
        {"name": "one", "arguments": [], "environment": ["X=1"]}
        {"name": "two", "arguments": []}
        """);
    var script = "two; X=1 one; one";
    assertThat(stub(script, "one", "two", "--expect", "e").status()).isEqualTo(1);
    output(script, "one", "two", "--expect", "e", "--any-order");
    var answer = stub("two; one; one", "one", "two", "--expect", "e", "--any-order");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .contains("line 2: one\n", "without the variable X\n")
        .doesNotContain("line 1");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "nonsense | line 2: not JSON",
        "[] | line 2: not an object",
        "{\"arguments\": []} | line 2: an invocation must have a 'name'",
        "{\"name\": \"a\", \"arguments\": [{\"glob\": \"[\"}]} | line 2: 'arguments' has an invalid pattern",
        "{\"name\": \"a\", \"arguments\": [{\"regex\": \"(\"}]} | line 2: 'arguments' has an invalid pattern",
        "{\"name\": \"a\", \"stdin\": {\"rest\": true}} | line 2: 'stdin' has an element that is not",
        "{\"name\": \"a\", \"times\": -1} | line 2: 'times' must be 0 to 10000, not -1 to -1",
        "{\"name\": \"a\", \"times\": {\"most\": 1}} | line 2: 'times' is neither a number nor",
        "{\"name\": \"a\", \"arguments\": [], \"status\": 0} | line 2: unknown member 'status'",
        "{\"name\": \"a\", \"arguments\": [1]} | line 2: 'arguments' has an element that is not",
        "{\"name\": \"a\", \"arguments\": [{\"base64\": \"?\"}]} | line 2: 'arguments' has an element that is not",
        "{\"name\": \"a\", \"arguments\": {}} | line 2: 'arguments' is not an array",
        "{\"name\": 1, \"arguments\": []} | line 2: 'name' is not a string",
      })
  void aWrongLineOfExpectationsIsReportedBeforeAnythingRuns(String line, String message)
      throws Exception {
    Files.writeString(
        directory.resolve("e"), "{\"name\": \"a\", \"arguments\": []}\n" + line + "\n");
    var answer = stub("echo ran", "a", "--expect", "e");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("e, " + message);
    assertThat(answer.out()).isEmpty();
  }

  @Test
  void aFileThatCannotBeOpenedIsReportedBeforeAnythingRuns() throws Exception {
    for (var options :
        List.of(
            List.of("one", "--record", "no/such/file"),
            List.of("one", "--record", "."),
            List.of("one", "--expect", "no"))) {
      var answer = stub("echo ran", options.toArray(String[]::new));
      assertThat(answer.status()).as(options.toString()).isEqualTo(125);
      assertThat(answer.out()).isEmpty();
      assertThat(answer.err()).startsWith("caisson: ");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--exec true",
        "a/b",
        ". ",
        "one one",
        "one --exit 256",
        "one --exit -1",
        "one --exit x",
        "one --exit 1 --exec true",
        "one --record -",
        "one --record=",
        "one --expect=",
        "one --expect .",
        "one --exec=",
        "one --record-environment",
        "one --record-stdin",
        "one=",
        "one=/no/such/program",
        "/no/such/program",
        "one=/usr",
        "one --any-order",
        "one --timeout 0",
        "one --no-such-option",
      })
  void aWrongCommandLineIsRefused(String options) throws Exception {
    var words = options.isBlank() ? new String[0] : options.strip().split(" ", -1);
    var answer = stub("echo ran", words);
    assertThat(answer.status()).as(answer.err()).isEqualTo(2);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err()).startsWith("caisson: stub: ");
  }

  @Test
  void aCommandIsNeeded() throws Exception {
    assertThat(caisson.run("stub", "one").status()).isEqualTo(2);
    assertThat(caisson.run("stub", "one", "--").status()).isEqualTo(2);
    assertThat(caisson.run("stub", "one", "--help").out()).startsWith("Usage: caisson stub");
  }

  @Test
  void recordAndExpectationsCannotBeTheSameFile() throws Exception {
    Files.writeString(directory.resolve("e"), "");
    assertThat(stub("true", "one", "--expect", "e", "--record", "./e").status()).isEqualTo(2);
  }

  @Test
  void aHandlerThatCannotBeExecutedIsReportedAndTheRunFails() throws Exception {
    Files.writeString(directory.resolve("plain"), "");
    var missing = stub("one 2> errors; echo $?; one 2> /dev/null || true", "one", "--exec", "./no");
    assertThat(missing.out()).isEqualTo("127\n");
    assertThat(missing.status()).isEqualTo(125);
    var error = "cannot execute ./no: No such file or directory (ENOENT)\n";
    assertThat(directory.resolve("errors")).hasContent("caisson: one: " + error);
    assertThat(missing.err())
        .isEqualTo("caisson: the handler will fail: " + error + "caisson: one: " + error);
    var plain = stub("one 2>&-; echo $?; exit 3", "one", "--exec", "./plain");
    assertThat(plain.out()).isEqualTo("126\n");
    assertThat(plain.status()).isEqualTo(125);
    assertThat(plain.err()).contains("(EACCES)");
  }

  @Test
  void itExitsAsTheCommandDoes() throws Exception {
    Files.writeString(directory.resolve("plain"), "");
    assertThat(stub("exit 7", "one").status()).isEqualTo(7);
    assertThat(stub("kill -USR1 $$", "one").status()).isEqualTo(138);
    assertThat(caisson.run("stub", "one", "--", "no-such").status()).isEqualTo(127);
    assertThat(caisson.run("stub", "one", "--", "").status()).isEqualTo(127);
    assertThat(caisson.run("stub", "one", "--", "./plain").status()).isEqualTo(126);
    // The command itself can be a stub.
    assertThat(caisson.run("stub", "one", "--exit", "6", "--", "one").status()).isEqualTo(6);
  }

  @Test
  void theCommandInheritsStreamsAndTheBytesOfTheEnvironment() throws Exception {
    var answer =
        caisson.through(
            """
            export WEIRD=$(printf 'a\\377'); umask 057
            echo letter | "$@"
            """,
            "stub",
            "one",
            "--",
            "sh",
            "-c",
            "cat; umask; printf %s \"$WEIRD\" | od -An -tx1; echo error >&2; pwd");
    assertThat(answer.out()).isEqualTo("letter\n0057\n 61 ff\n" + directory + "\n");
    assertThat(answer.err()).isEqualTo("error\n");
    assertThat(
            caisson
                .through(
                    "\"$@\" <&- >&- 2> errors",
                    "stub",
                    "one",
                    "--",
                    "sh",
                    "-c",
                    "for n in 0 1 2; do test ! -e /proc/$$/fd/$n || echo $n >&2; done")
                .status())
        .isZero();
    assertThat(directory.resolve("errors")).hasContent("2");
  }

  @Test
  void theCommandReadsFromTheTerminal() throws Exception {
    var launcher = caisson.launcher("caisson-stub", "stub", "one", "--");
    try (var terminal =
        AtTerminal.start(launcher, "sh", "-c", "test -t 0 && read line && echo \"+$line+\"")) {
      terminal.type("typed\n").expect("+typed+");
      terminal.type("\n");
      assertThat(terminal.end()).isZero();
    }
  }

  private List<String> scratches() throws IOException {
    if (!Files.exists(cache)) {
      return List.of();
    }
    try (var all = Files.list(cache)) {
      return all.map(path -> path.getFileName().toString())
          .filter(name -> name.startsWith("scratch-"))
          .collect(Collectors.toList());
    }
  }

  @Test
  void aTimeoutEndsTheWholeProcessTree() throws Exception {
    var marker = ProcessTable.marker();
    caisson.executable("handler", "#!/bin/sh\ntrap '' TERM\nsleep 1000 " + marker + "; :\n");
    var script =
        """
        trap '' TERM
        setsid sh -c 'sleep 1000; : %1$s' &
        (setsid sh -c 'trap "" TERM; sleep 1000; : %1$s' &)
        one &
        sleep 1000; : %1$s
        """
            .formatted(marker);
    var answer = stub(script, "one", "--exec", "./handler", "--timeout", "1s");
    assertThat(answer.status()).as(answer.err()).isEqualTo(124);
    assertThat(answer.err()).contains("was ended after 1.0 s, its deadline");
    assertThat(ProcessTable.with(marker)).isEmpty();
  }

  @Test
  void processesThatTheCommandLeavesKeepRunning() throws Exception {
    var marker = ProcessTable.marker();
    var fifo = directory.resolve("fifo");
    var script =
        "mkfifo fifo; (setsid sh -c 'read line < fifo; : %s' > /dev/null 2>&1 &)".formatted(marker);
    output(script, "one", "--timeout", "1h");
    assertThat(ProcessTable.with(marker)).isNotEmpty();
    Files.writeString(fifo, "go\n");
    ProcessTable.awaitNone(marker);
  }

  @Test
  void anOrphanThatEndsIsReaped() throws Exception {
    var script =
        """
        (sh -c 'echo $$ > pid; exec sleep 0' &)
        while ! test -s pid || test -e /proc/$(cat pid); do :; done
        """;
    output(script, "one");
  }

  /// Starts a command that calls a handler, and waits until both run. Both ignore SIGTERM and
  /// SIGINT.
  private Process start(String marker) throws Exception {
    caisson.executable(
        "handler", "#!/bin/sh\ntrap '' TERM INT\necho handled\nsleep 1000; : " + marker + "\n");
    var process =
        caisson.start(
            "stub",
            "one",
            "--exec",
            "./handler",
            "--",
            "sh",
            "-c",
            "trap '' TERM INT; one; : " + marker);
    assertThat(process.inputReader(StandardCharsets.UTF_8).readLine()).isEqualTo("handled");
    return process;
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void aSignalEndsCommandAndHandler(String signal, int status) throws Exception {
    var before = scratches();
    var marker = ProcessTable.marker();
    var process = start(marker);
    kill(signal, process);
    assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(status);
    assertThat(ProcessTable.with(marker)).isEmpty();
    assertThat(scratches()).isSubsetOf(before);
    process.getInputStream().close();
  }

  @Test
  void controlCAtTheTerminalEndsACommandThatDoesNotHandleIt() throws Exception {
    var marker = ProcessTable.marker();
    // In a file: the marker must not be in the command line of the shell at the terminal.
    caisson.executable("sleeping", "#!/bin/sh\necho ready\nsleep 1000; : " + marker + "\n");
    var launcher = caisson.launcher("caisson-stub", "stub", "one", "--");
    try (var terminal = AtTerminal.shell("trap : INT; \"$0\" \"$@\"", launcher, "./sleeping")) {
      terminal.expect("ready").type(CTRL_C);
      ProcessTable.awaitNone(marker);
      terminal.type("\n");
      assertThat(terminal.end()).isEqualTo(130);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {CTRL_C, "\034"})
  void aKeyOfTheTerminalIsTheCommandsIfTheCommandHandlesIt(String key) throws Exception {
    caisson.executable(
        "handling",
        """
        #!/bin/bash
        trap 'echo caught' INT QUIT
        echo ready
        read line; read line; read line
        echo "finished $line"
        exit 7
        """);
    var launcher = caisson.launcher("caisson-stub", "stub", "one", "--");
    try (var terminal =
        AtTerminal.shell("trap : INT QUIT; \"$0\" \"$@\"", launcher, "./handling")) {
      terminal.expect("ready").type(key).expect("caught").type(key).expect("caught");
      terminal.type("a\nb\nc\n").expect("finished c").type("\n");
      assertThat(terminal.end()).isEqualTo(7);
    }
  }

  @Test
  void sigkillLeavesNoDirectoryAndNoCommand() throws Exception {
    var before = scratches();
    var marker = ProcessTable.marker();
    var process =
        caisson.start(
            "stub", "one", "--", "bash", "-c", "one; echo up; exec -a " + marker + " sleep 1000");
    assertThat(process.inputReader(StandardCharsets.UTF_8).readLine()).isEqualTo("up");
    assertThat(scratches()).isNotEmpty();
    kill("KILL", process);
    process.waitFor();
    ProcessTable.awaitNone(marker);
    Eventually.holds(() -> before.containsAll(scratches()), () -> "no directory is left");
    process.getInputStream().close();
  }

  private static void kill(String signal, Process process) throws Exception {
    var kill = new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid()));
    assertThat(kill.inheritIO().start().waitFor()).isZero();
  }
}
