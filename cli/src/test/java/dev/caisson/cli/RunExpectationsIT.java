package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Expectations of users of `caisson run` that no option states.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class RunExpectationsIT {
  private static final String CTRL_C = "\003";

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
  }

  private Caisson.Answer run(String... args) throws Exception {
    return caisson.run(Stream.concat(Stream.of("run"), Stream.of(args)).toArray(String[]::new));
  }

  private JsonNode json(String... args) throws Exception {
    var answer = run(Stream.concat(Stream.of("--json"), Stream.of(args)).toArray(String[]::new));
    return new JsonMapper().readTree(answer.out());
  }

  private AtTerminal terminal(String... args) throws Exception {
    return AtTerminal.start(caisson.launcher("caisson-run", "run"), args);
  }

  // The terminal

  @Test
  void theTerminalOfTheCommandIsNotThatOfTheUser() throws Exception {
    var script =
        """
        for n in /proc/[0-9]*/fd/* /dev/tty; do
          stat -Lc 'found=%Hr:%Lr:%i' "$n" 2>/dev/null
        done
        ls -l /proc/self/fd | wc -l
        exit 0
        """;
    try (var terminal = terminal("--", "sh", "-c", script)) {
      var number = terminal.path().getFileName();
      var inode = Files.getAttribute(terminal.path(), "unix:ino");
      assertThat(terminal.end()).isZero();
      assertThat(terminal.screen()).contains("found=136:");
      assertThat(terminal.screen()).doesNotContain("found=136:" + number + ":" + inode);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"--no-terminal", "--json"})
  void withoutATerminalTheCommandCannotUseThatOfTheUser(String option) throws Exception {
    var script = "test -t 0 && echo is-\"\"terminal > /proc/self/fd/0; exit 0";
    try (var terminal = terminal(option, "--", "sh", "-c", script)) {
      assertThat(terminal.end()).isZero();
      assertThat(terminal.screen()).doesNotContain("is-terminal");
    }
  }

  @Test
  void ctrlCReachesTheCommandAndNotBubblewrap() throws Exception {
    // Short sleeps: a shell handles a signal only after the command that it is about to start.
    var script = "trap 'echo caught; exit 9' INT; echo is-up; while :; do sleep 0.1; done";
    try (var terminal = terminal("--", "sh", "-c", script)) {
      terminal.expect("is-up").type(CTRL_C).expect("caught");
      assertThat(terminal.end()).isEqualTo(9);
    }
  }

  @Test
  void theShellAfterADeadlineHasNoDeadline() throws Exception {
    try (var terminal = terminal("--shell-on-failure", "--timeout", "1s", "--", "sleep", "1000")) {
      terminal.expect("a shell in a new sandbox").expect("# ");
      terminal.type("sleep 2; echo still-''here\r").expect("still-here").type("exit\r");
      assertThat(terminal.end()).isEqualTo(124);
    }
  }

  // Outside the sandbox

  /// Variables are for the command. The dynamic linker of bubblewrap, outside, would use them, too.
  @Test
  void aVariableDoesNotReachBubblewrap() throws Exception {
    var answer = run("--env", "LD_TRACE_LOADED_OBJECTS=1", "--", "/usr/bin/no-such-command");
    assertThat(answer.status()).as(answer.out()).isEqualTo(127);
    assertThat(answer.out()).isEmpty();
  }

  @Test
  void aClosedStandardInputIsEmpty() throws Exception {
    var answer = caisson.through("exec \"$@\" <&-", "run", "--", "sh", "-c", "wc -c");
    assertThat(answer.out().strip()).isEqualTo("0");
  }

  /// Not as root: mode 0 does not stop root, and the cache of root is not below HOME.
  @Test
  void unreadableDirectoriesOfAnOrdinaryUserAreRemoved() throws Exception {
    var home = Path.of("/var/tmp/caisson-test-" + UUID.randomUUID());
    try {
      Programs.run("mkdir", home.toString());
      Programs.run("cp", "-r", System.getProperty("caisson.image"), home + "/image");
      Programs.run("chmod", "-R", "a+rX", home.toString());
      Programs.run("chown", "65534:65534", home.toString());
      var script =
          """
          cd %1$s
          words=(setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=%1$s)
          for word; do
            [ "$word" != '%2$s' ] || word=%1$s/image
            words+=("$word")
          done
          exec "${words[@]}"
          """
              .formatted(home, System.getProperty("caisson.image"));
      var answer =
          caisson.through(script, "run", "--", "sh", "-c", "mkdir -p /var/a/b; chmod 0 /var/a");
      assertThat(answer.status()).as(answer.err()).isZero();
      try (var temporary = Files.list(home.resolve(".cache/caisson/tmp"))) {
        assertThat(temporary.map(path -> path.getFileName().toString())).containsExactly(".lock");
      }
    } finally {
      Programs.run("rm", "-rf", home.toString());
    }
  }

  // JSON and messages

  @Test
  void jsonHasErrorsSeparateFromOutput() throws Exception {
    var json = json("--", "sh", "-c", "echo out; echo err >&2");
    assertThat(json.path("output").asString()).isEqualTo("out\n");
    assertThat(json.path("errors").asString()).isEqualTo("err\n");
  }

  @Test
  void jsonCountsTheTimeOfTheCommand() throws Exception {
    var burn = "import os\nwhile os.times().user < 1: pass\n";
    var usage = json("--", "/usr/bin/python3", "-c", burn).path("usage");
    assertThat(usage.path("user_seconds").asDouble()).isGreaterThan(0.9);
  }

  @Test
  void jsonCountsTheMemoryOfTheCommandAndNotOfTheJvm() throws Exception {
    var usage = json("--", "true").path("usage");
    assertThat(usage.path("peak_memory_bytes").asLong()).isLessThan(32L << 20);
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL})
  void theProxyVariablesAreEnoughToReachAnAllowedHost() throws Exception {
    try (var server = HelloServer.start()) {
      var host = "127.0.0.1:" + server.port();
      var answer = run("--allow-host", host, "--", "curl", "-sf", "http://" + host + "/");
      assertThat(answer.status()).isZero();
      assertThat(answer.err()).contains(host).doesNotContain("Optional[", "Allowed[");
    }
  }

  @Test
  void theRulesInTheHelpAreValid() throws Exception {
    for (var rule : new String[] {"example.org:443", "*.example.org:443", "10.0.0.0/8:5432"}) {
      assertThat(run("--help").out()).contains(rule);
      var answer = run("--dry-run", "--allow-host", rule, "--", "true");
      assertThat(answer.status()).as(answer.err()).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "--pids, x, --pids",
    "--pids, 99999999999, 99999999999",
    "--pids, 2147483647, 2147483647",
    "'--cpus', 'x', --cpus",
    "--tmpfs, /x:0, must be positive",
    "--timeout, 0, more than 0",
    "--output-limit, 0, must be positive",
  })
  void aWrongValueIsRefusedWithoutTextOfJava(String option, String value, String message)
      throws Exception {
    var answer = run(option, value, "--", "sleep", "0.5");
    assertThat(answer.status()).as(answer.err()).isEqualTo(2);
    assertThat(answer.err())
        .contains(message)
        .doesNotContain("For input string", "OptionalLong", "not a number: 9", "EINVAL");
  }

  @ParameterizedTest
  @CsvSource({"--root, /no/such", "--root, /etc/passwd"})
  void aSandboxThatCannotBeMadeHasItsExitStatus(String option, String value) throws Exception {
    assertThat(run(option, value, "--", "true").status()).isIn(2, 125);
  }

  @Test
  void rlimitSetsTheLimitsOfEachProcess() throws Exception {
    var limits =
        json(
            "--rlimit",
            "nofile=77",
            "--rlimit",
            "CORE=0",
            "--",
            "sh",
            "-c",
            "ulimit -n -H; ulimit -c");
    assertThat(limits.path("output").asString()).isEqualTo("77\n0\n");
    assertThat(limits.path("enforced").valueStream().map(JsonNode::asString))
        .contains("rlimit NOFILE: 77", "rlimit CORE: 0");
    for (var wrong : new String[] {"nofile", "nofile=x", "nofile=-1", "files=1"}) {
      var answer = run("--rlimit", wrong, "--", "true");
      assertThat(answer.status()).as(wrong).isEqualTo(2);
      assertThat(answer.err()).contains("--rlimit");
    }
  }

  // Failures of the setup

  @Test
  void aFailedSetupHasItsExitStatusAndItsJson() throws Exception {
    var script = "PATH=/nonexistent exec \"$@\"";
    var answer = caisson.through(script, "run", "--json", "--", "true");
    assertThat(answer.status()).isEqualTo(125);
    assertThat(answer.err()).contains("bubblewrap (the program bwrap) is not on the PATH");
    var ending = new JsonMapper().readTree(answer.out()).path("ending");
    assertThat(ending.path("type").asString()).isEqualTo("setup-failed");
    assertThat(ending.path("reason").asString()).contains("apt-get install bubblewrap");
  }

  @Test
  void jsonReportsTruncatedOutput() throws Exception {
    var much = json("--", "sh", "-c", "echo first; head -c 2M /dev/zero | tr '\\0' a");
    assertThat(much.path("output_truncated").asBoolean()).isTrue();
    assertThat(much.path("output_bytes").asLong()).isEqualTo((2 << 20) + 6);
    assertThat(json("--", "echo", "all").path("output_truncated").asBoolean(true)).isFalse();
  }

  @Test
  void aDeviceCanBeBoundBelowDev() throws Exception {
    var answer =
        run("--dev-bind", "/dev/loop-control:/dev/loop-control", "--", "ls", "/dev/loop-control");
    assertThat(answer.status()).as(answer.err()).isZero();
  }

  @Test
  void anAllowedUserNamespaceCanHaveRoot() throws Exception {
    var answer =
        run("--allow-user-namespaces", "--cap", "CAP_SETFCAP", "--", "unshare", "-r", "id", "-u");
    assertThat(answer.out()).as(answer.err()).isEqualTo("0\n");
  }
}
