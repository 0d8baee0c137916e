package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The user, the variables, the names and the statuses that a command of `caisson run` meets.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class EnvironmentIT {
  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson =
        new Caisson(directory).with(Map.of("MINE", "its value", "CAISSON_HIDDEN_CLASSPATH", "x"));
  }

  private Caisson.Answer run(List<String> options, String... command) throws Exception {
    var args = new ArrayList<>(List.of("run"));
    args.addAll(options);
    args.add("--");
    args.addAll(List.of(command));
    return caisson.run(args.toArray(String[]::new));
  }

  private String shell(String script, String... options) throws Exception {
    var answer = run(List.of(options), "sh", "-c", script);
    assertThat(answer.status()).as(answer.err()).isZero();
    return answer.out();
  }

  @Test
  void noVariableOfTheUserIsPassedOnByDefault() throws Exception {
    assertThat(shell("env").lines())
        .noneMatch(line -> line.startsWith("MINE=") || line.startsWith("CAISSON"))
        .contains("HOME=/root", "USER=root", "LOGNAME=root", "LANG=C.UTF-8", "TMPDIR=/tmp", "PWD=/")
        .contains("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  }

  @Test
  void aNamedVariableIsPassedOn() throws Exception {
    assertThat(shell("echo $MINE", "--env", "MINE")).isEqualTo("its value\n");
    assertThat(shell("echo $MINE", "--env", "MINE=other")).isEqualTo("other\n");
  }

  @Test
  void aNamedVariableThatIsNotSetIsReported() throws Exception {
    var answer = run(List.of("--env", "NOT_SET"), "true");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("your environment has no variable NOT_SET");
  }

  @Test
  void aFileOfVariablesIsRead() throws Exception {
    Files.writeString(directory.resolve("list"), "# comment\n\nA=1 2\nMINE\nB=x=y\n");
    assertThat(shell("echo $A, $MINE, $B", "--env-file", "list", "--env", "B=last"))
        .isEqualTo("1 2, its value, last\n");
    Files.writeString(directory.resolve("list"), "A=1\n=2\n");
    assertThat(run(List.of("--env-file", "list"), "true").err())
        .contains("--env-file list, line 2: not NAME or NAME=VALUE");
    assertThat(run(List.of("--env-file", "none"), "true").err()).contains("cannot read none");
  }

  @Test
  void allVariablesArePassedOnOnRequest() throws Exception {
    assertThat(shell("env", "--inherit-env", "--env", "HOME=/elsewhere").lines())
        .contains("MINE=its value", "CLASSPATH=x", "HOME=/elsewhere")
        .noneMatch(line -> line.startsWith("CAISSON_HIDDEN"));
  }

  @Test
  void theHostNameIsTheSandboxs() throws Exception {
    assertThat(shell("hostname; cat /etc/hostname")).isEqualTo("sandbox\nsandbox\n");
    assertThat(shell("hostname; cat /etc/hostname", "--hostname", "box")).isEqualTo("box\nbox\n");
    assertThat(run(List.of("--hostname", "a b"), "true").err()).contains("1 to 64 letters");
  }

  @Test
  void theUserHasANameAHomeAndItsStreams() throws Exception {
    assertThat(
            shell(
                "id -u; id -g; id -G; whoami; touch ~/file; stat -c %U ~; echo again > /dev/stdout",
                "--user", "1234:56"))
        .isEqualTo("1234\n56\n56\nuser\nuser\nagain\n");
  }

  @Test
  void theUserCanOpenItsInputAgain() throws Exception {
    var answer =
        caisson.through("echo text | \"$@\"", "run", "--user", "1234", "--", "cat", "/dev/stdin");
    assertThat(answer.out()).as(answer.err()).isEqualTo("text\n");
  }

  @Test
  void theProxyOfTheHostIsNotPassedOn() throws Exception {
    caisson.with(Map.of("http_proxy", "http://127.0.0.1:9", "ALL_PROXY", "socks5://127.0.0.1:9"));
    assertThat(shell("env | grep -i _proxy= || true", "--inherit-env")).isEmpty();
    assertThat(shell("echo $http_proxy", "--inherit-env", "--allow-host", "example.org:80"))
        .contains("127.0.0.1:3128");
    assertThat(shell("echo $http_proxy", "--inherit-env", "--network", "host"))
        .isEqualTo("http://127.0.0.1:9\n");
  }

  @ParameterizedTest
  @CsvSource({"/run", "/run/osbuild", "/run/osbuild/api"})
  void aBindOverTheSandboxsOwnSocketsIsRefused(String target) throws Exception {
    var shared = Files.createDirectory(directory.resolve("shared"));
    var answer = run(List.of("--bind", shared + ":" + target), "true");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("its own sockets are below /run/osbuild");
    assertThat(shared).isEmptyDirectory();
  }

  @Test
  void theUserKeepsNoCapabilityButThoseThatAreNamed() throws Exception {
    assertThat(shell("grep -E 'Cap(Prm|Eff|Amb)' /proc/self/status", "--user", "1234"))
        .doesNotContain("1")
        .containsPattern("CapEff:\\s0+\n");
    assertThat(
            shell(
                "grep CapEff /proc/self/status", "--user", "1234", "--cap", "CAP_NET_BIND_SERVICE"))
        .containsPattern("CapEff:\\s0+400\n");
  }

  /// The modes of the host's files restrict the user, not root's rights.
  @Test
  void theUserReadsNoFileOfRoot() throws Exception {
    var secret = Files.writeString(directory.resolve("secret"), "secret");
    Files.setAttribute(secret, "unix:mode", 0600);
    Files.setAttribute(directory, "unix:mode", 0755);
    var bind = "--ro-bind=" + secret + ":/tmp/secret";
    assertThat(shell("cat /tmp/secret 2> /dev/null || echo no", "--user", "1234", bind))
        .isEqualTo("no\n");
    assertThat(shell("cat /tmp/secret", bind)).isEqualTo("secret");
  }

  @ParameterizedTest
  @CsvSource({"x", "1:", "-1", "1:2:3", "99999999999"})
  void aWrongUserIsReported(String user) throws Exception {
    var answer = run(List.of("--user=" + user), "true");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("--user: not UID or UID:GID: " + user);
  }

  @ParameterizedTest
  @CsvSource({
    "no-such-command, 127, was not found in its sandbox: no-such-command",
    "/no/such/command, 127, was not found in its sandbox: /no/such/command",
    "/etc, 126, could not be executed: /etc: EACCES",
    "/etc/hostname, 126, could not be executed: /etc/hostname: EACCES",
    "/tmp/script, 126, its interpreter or loader is not in the sandbox"
  })
  void aCommandThatDoesNotStartIsReportedOnce(String command, int status, String reason)
      throws Exception {
    var script = Files.writeString(directory.resolve("script"), "#!/no/such/interpreter\n");
    Files.setAttribute(script, "unix:mode", 0755);
    var answer = run(List.of("--ro-bind", script + ":/tmp/script"), command);
    assertThat(answer.status()).isEqualTo(status);
    assertThat(answer.err()).contains(reason).containsOnlyOnce("\n");
    assertThat(answer.out()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"exit 139, exited", "kill -SEGV $$, signalled", "kill -KILL $$, signalled"})
  void anEndBySignalIsNotTakenForAStatus(String script, String type) throws Exception {
    var answer = run(List.of("--json"), "sh", "-c", script);
    assertThat(answer.out()).contains("\"ending\":{\"type\":\"" + type + "\"");
  }

  @Test
  void aProgramThatIsDeniedItsWorkGetsTheNameOfTheOption() throws Exception {
    var strace =
        Files.writeString(directory.resolve("strace"), "#!/bin/sh\necho refused >&2\nexit 1\n");
    Files.setAttribute(strace, "unix:mode", 0755);
    var bind = "--ro-bind=" + strace + ":/tmp/strace";
    assertThat(run(List.of(bind), "/tmp/strace").err())
        .isEqualTo(
            "refused\ncaisson: strace traces other processes, which the sandbox denies;"
                + " --no-seccomp allows it\n");
    assertThat(run(List.of(bind, "--no-seccomp"), "/tmp/strace").err()).isEqualTo("refused\n");
  }

  @Test
  void aPathIsShownAtItsOwnPlace() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "text");
    assertThat(shell("cat " + file, "--ro-bind", file.toString())).isEqualTo("text");
    assertThat(shell("cat " + file, "--bind", "file")).isEqualTo("text");
    caisson.with(Map.of("HOME", directory.toString()));
    assertThat(shell("cat " + file, "--ro-bind", "~/file")).isEqualTo("text");
    assertThat(shell("cat /tmp/x", "--ro-bind", "~/file:/tmp/x")).isEqualTo("text");
  }
}
