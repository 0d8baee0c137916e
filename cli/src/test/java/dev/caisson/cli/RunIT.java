package dev.caisson.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
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

/// Every option of `caisson run` does what its help says.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class RunIT {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
  }

  private Caisson.Answer run(String... args) throws Exception {
    return caisson.run(Stream.concat(Stream.of("run"), Stream.of(args)).toArray(String[]::new));
  }

  /// Runs a shell that must succeed, and returns its output.
  private String shell(String script, String... options) throws Exception {
    var args = new ArrayList<>(List.of(options));
    args.addAll(List.of("--", "sh", "-c", script));
    var answer = run(args.toArray(String[]::new));
    assertThat(answer.status()).as(answer.err()).isZero();
    return answer.out();
  }

  private JsonNode json(int status, String... args) throws Exception {
    var answer =
        caisson.run(
            Stream.concat(Stream.of("run", "--json"), Stream.of(args)).toArray(String[]::new));
    assertThat(answer.status()).as(answer.out() + answer.err()).isEqualTo(status);
    assertThat(answer.out()).as("one line").endsWith("}\n").containsOnlyOnce("\n");
    var json = JSON.readTree(answer.out());
    assertThat(json.path("exit_code").asInt()).isEqualTo(status);
    assertThat(json.path("success").asBoolean()).isEqualTo(status == 0);
    return json;
  }

  private static String text(JsonNode json, String... path) {
    var node = json;
    for (var name : path) {
      node = node.path(name);
    }
    return node.asString();
  }

  private static List<String> strings(JsonNode array) {
    var all = new ArrayList<String>();
    array.forEach(one -> all.add(one.asString()));
    return all;
  }

  // Files

  @Test
  void theSandboxHasOnlyTheGivenFiles() throws Exception {
    assertThat(
            shell("id -u; ls -A /etc /tmp /home /root 2>/dev/null; cat /proc/sys/kernel/pid_max"))
        .doesNotContain("shadow", "ssh/", "sudoers", "machine-id")
        .startsWith("0\n");
    assertThat(shell("touch /usr/x 2>/dev/null || echo read-only")).isEqualTo("read-only\n");
  }

  @Test
  void aBindCanBeReadAndWritten() throws Exception {
    Files.createDirectory(directory.resolve("d"));
    Files.writeString(directory.resolve("f"), "old\n");
    shell(
        "echo new > /deep/er/d/made; echo more >> /f", "--bind", "d:/deep/er/d", "--bind", "f:/f");
    assertThat(directory.resolve("d/made")).hasContent("new");
    assertThat(directory.resolve("f")).hasContent("old\nmore");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--bind", "--ro-bind"})
  @Requires(Need.PYTHON)
  void aSocketOfAnotherProgramIsAnEndpoint(String bind) throws Exception {
    var script =
        """
        import os, socket
        client = socket.socket(socket.AF_UNIX)
        client.connect("/run/osbuild/api/foo")
        client.sendall(b"ping")
        print(client.recv(4).decode(), os.listdir("/run/osbuild/api"))
        """;
    var socket = directory.resolve("x.sock");
    try (var listener = UnixListener.listen(UnixSocket.Type.STREAM, socket, 1)) {
      var served =
          Background.startPlatform(() -> {
            try (var connection = listener.accept(PATIENCE)) {
              var deadline = Deadline.in(PATIENCE);
              var asked = connection.recvmsg(4, deadline).data();
              connection.sendmsg("pong".getBytes(UTF_8), List.of(), deadline);
              return new String(asked, UTF_8);
            }
          });
      var answer =
          caisson.run("run", bind, "x.sock:/run/osbuild/api/foo", "--", "python3", "-c", script);
      assertThat(answer.err()).isEmpty();
      assertThat(answer.out()).isEqualTo("pong ['foo']\n");
      assertThat(served.get()).isEqualTo("ping");
    }
  }

  @Test
  void aReadOnlyBindCannotBeWritten() throws Exception {
    Files.writeString(directory.resolve("f"), "old\n");
    var out =
        shell(
            "cat /d/f; (echo x > /d/f) 2>/dev/null || echo refused",
            "--ro-bind",
            directory + ":/d");
    assertThat(out).isEqualTo("old\nrefused\n");
    assertThat(directory.resolve("f")).hasContent("old");
  }

  @Test
  void aLaterBindCoversAnEarlierBindOfAnyKind() throws Exception {
    Files.createDirectories(directory.resolve("outer/x"));
    Files.createDirectory(directory.resolve("inner"));
    Files.writeString(directory.resolve("inner/f"), "inner\n");
    var out =
        shell(
            "cat /d/x/f; ls /d; ls -A /e",
            "--bind",
            "outer:/d",
            "--ro-bind",
            "inner:/d/x",
            "--ro-bind",
            "inner:/e",
            "--tmpfs",
            "/e");
    assertThat(out).isEqualTo("inner\nx\n");
  }

  @Test
  void aDeviceWorksOnlyWithDevBind() throws Exception {
    var out =
        shell(
            "echo x > /d && echo works; (echo x > /n) 2>/dev/null || echo refused",
            "--dev-bind",
            "/dev/null:/d",
            "--bind",
            "/dev/null:/n");
    assertThat(out).isEqualTo("works\nrefused\n");
  }

  @Test
  void aTmpfsHasTheGivenSize() throws Exception {
    var script =
        "stat -fc %T /t; head -c 1000000 /dev/zero > /t/a && echo fits;"
            + " head -c 1000000 /dev/zero > /t/b || echo full; touch /u/x && echo any";
    assertThat(shell(script + " 2>/dev/null", "--tmpfs", "/t:1M", "--tmpfs", "/u"))
        .isEqualTo("tmpfs\nfits\nfull\nany\n");
  }

  @Test
  void aSymbolicLinkHasItsTarget() throws Exception {
    assertThat(
            shell(
                "readlink /etc/a/link; cat /f",
                "--symlink",
                "to:where:/etc/a/link",
                "--ro-bind",
                Files.writeString(directory.resolve("x"), "seen\n") + ":/x",
                "--symlink",
                "x:/f"))
        .isEqualTo("to:where\nseen\n");
  }

  @Test
  void aRootWithoutProgramsRunsABoundProgram() throws Exception {
    Files.createDirectory(directory.resolve("empty"));
    var program = program("bf2a000000" + "b83c000000" + "0f05");
    var answer = run("--root", "empty", "--ro-bind", program + ":/run/p", "--", "/run/p");
    assertThat(answer.status()).as(answer.err()).isEqualTo(42);
    assertThat(run("--root", "empty", "--", "true").status()).isEqualTo(127);
  }

  /// Makes a static program of x86-64 machine code.
  private Path program(String code) throws Exception {
    int length = code.length() / 2;
    var size = HexFormat.of().withLowerCase().toHexDigits((byte) (0x78 + length));
    var header =
        "7f454c4602010100"
            + "0000000000000000"
            + "02003e0001000000"
            + "7800400000000000"
            + "4000000000000000"
            + "0000000000000000"
            + "0000000040003800"
            + "0100000000000000"
            + "0100000005000000"
            + "0000000000000000"
            + "0000400000000000"
            + "0000400000000000"
            + size
            + "00000000000000"
            + size
            + "00000000000000"
            + "0010000000000000";
    var file = Files.write(directory.resolve("program"), HexFormat.of().parseHex(header + code));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    return file;
  }

  // Environment and privileges

  @Test
  void theEnvironmentHasTheGivenVariablesAndFewOthers() throws Exception {
    caisson.with(Map.of("SECRET", "secret", "TERM", "vt100"));
    var out =
        shell(
            "env", "--env", "A=1", "--env", "A=2", "--env", "B=", "--env", "C=x=y z", "--env",
            "HOME=/h");
    assertThat(out.lines())
        .contains("A=2", "B=", "C=x=y z", "HOME=/h", "TERM=vt100")
        .doesNotContain("A=1", "SECRET=secret");
  }

  @Test
  void theCommandStartsInTheDirectoryOfChdir() throws Exception {
    assertThat(shell("pwd")).isEqualTo("/\n");
    assertThat(shell("pwd", "--tmpfs", "/a/b", "--chdir", "/a/b")).isEqualTo("/a/b\n");
    var answer = run("--chdir", "/no/such", "--", "true");
    assertThat(answer.status()).isEqualTo(125);
    assertThat(answer.err()).contains("/no/such");
  }

  @Test
  void theCommandHasOnlyTheGivenCapabilities() throws Exception {
    var effective =
        "grep CapEff /proc/self/status | cut -f2; chown 5 /tmp 2>/dev/null; stat -c %u /tmp";
    assertThat(shell(effective)).isEqualTo("0000000000000000\n0\n");
    assertThat(shell(effective, "--cap", "CAP_CHOWN")).isEqualTo("0000000000000001\n5\n");
    assertThat(shell(effective, "--cap", "chown", "--cap", "Cap_Net_Admin"))
        .isEqualTo("0000000000001001\n5\n");
    var own = Programs.run("sh", "-c", "grep CapEff /proc/self/status | cut -f2");
    assertThat(shell(effective, "--cap", "ALL")).isEqualTo(own + "5\n");
  }

  @Test
  void inAUserNamespaceCapabilitiesHaveNoPowerOutside() throws Exception {
    var other = Files.createDirectory(directory.resolve("other"));
    Files.setPosixFilePermissions(other, PosixFilePermissions.fromString("rwx------"));
    Files.setAttribute(other, "unix:uid", 1234);
    var script =
        "id -u; touch /o/made 2>/dev/null && echo made; chown 5 /tmp 2>/dev/null; stat -c %u /tmp";
    assertThat(shell(script, "--bind", "other:/o", "--cap", "ALL", "--user-namespace"))
        .isEqualTo("0\n0\n");
    assertThat(shell(script, "--bind", "other:/o", "--cap", "ALL")).isEqualTo("0\nmade\n5\n");
    assertThat(shell("grep CapBnd /proc/self/status | cut -f2", "--user-namespace"))
        .isEqualTo("0000000000000000\n");
  }

  @Test
  void systemCallsAreFilteredUnlessAnOptionAllowsThem() throws Exception {
    var script =
        "grep Seccomp: /proc/self/status | cut -f2; unshare -U true 2>/dev/null || echo no";
    assertThat(shell(script)).isEqualTo("2\nno\n");
    assertThat(shell(script, "--allow-user-namespaces")).isEqualTo("2\n");
    assertThat(shell(script, "--no-seccomp")).isEqualTo("0\n");
    assertThat(shell(script, "--no-seccomp", "--allow-user-namespaces")).isEqualTo("0\n");
  }

  // Network

  @Test
  void onlyTheNetworkOfTheHostReachesTheHost() throws Exception {
    try (var server = new ServerSocket(0, 8, InetAddress.ofLiteral("127.0.0.1"))) {
      var script =
          "bash -c ': < /dev/tcp/127.0.0.1/%d' 2>/dev/null && echo reached; grep -c : /proc/net/dev"
              .formatted(server.getLocalPort());
      assertThat(shell(script)).isEqualTo("1\n");
      assertThat(shell(script, "--network", "none")).isEqualTo("1\n");
      assertThat(shell(script, "--network", "host")).startsWith("reached\n");
      assertThat(shell(script, "--network", "host", "--network", "none")).isEqualTo("1\n");
    }
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL})
  void theProxyReachesOnlyTheAllowedHost() throws Exception {
    try (var server = HelloServer.start()) {
      int port = server.port();
      int other = port == 1 ? 2 : port - 1;
      var curl = "curl -s --noproxy '' --max-time 60 ";
      var script =
          curl
              + "http://127.0.0.1:%1$d/; ".formatted(port)
              + curl
              + "-x socks5h://127.0.0.1:3128 http://127.0.0.1:%d/; ".formatted(port)
              + curl
              + "-p http://127.0.0.1:%d/; ".formatted(port)
              + curl
              + "-o /dev/null -w '%%{http_code}\\n' http://127.0.0.1:%d/; "
                  .formatted(other)
                  .replace("%%", "%")
              + "bash -c ': < /dev/tcp/127.0.0.1/%d' 2>/dev/null || echo no route".formatted(port);
      for (var more : List.of(List.<String>of(), List.of("--user-namespace"))) {
        var args = new ArrayList<>(List.of("--allow-host", "127.0.0.1:" + port));
        args.addAll(more);
        args.addAll(List.of("--", "sh", "-c", script));
        var answer = run(args.toArray(String[]::new));
        assertThat(answer.out()).as(answer.err()).isEqualTo("hello\nhello\nhello\n403\nno route\n");
        assertThat(answer.err().lines())
            .filteredOn(line -> line.contains("allowed") && line.contains(":" + port))
            .as("each decision is shown once")
            .hasSize(1);
        assertThat(answer.err()).contains("refused", "no rule allows 127.0.0.1:" + other);
      }
    }
  }

  /// The pid in a record is the one of the program that asked, through the proxy and the endpoint.
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void decisionsAreRecordedWithTheProcessThatAsked(boolean userNamespace) throws Exception {
    var program =
        """
        import json, socket
        # A socket of IPv6, as Java uses.
        for family, proxy in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1"):
            with socket.socket(family) as s:
                s.connect((proxy, 3128))
                s.sendall(b"CONNECT refused.test:443 HTTP/1.1\\r\\n\\r\\n")
                s.recv(1000)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect("/run/osbuild/api/network")
            s.send(json.dumps({"method": "connect", "host": "127.1", "port": 443}).encode())
            s.recv(1000)
        """;
    Files.writeString(directory.resolve("ask.py"), program);
    var args =
        new ArrayList<>(
            List.of(
                "--allow-host",
                "a.test:443",
                "--log",
                "log",
                "--ro-bind",
                directory + ":/run/test"));
    if (userNamespace) {
      args.add("--user-namespace");
    }
    args.addAll(List.of("--", "sh", "-c", "/usr/bin/python3 /run/test/ask.py; true"));
    var json = json(0, args.toArray(String[]::new));
    var lines = Files.readAllLines(directory.resolve("log")).stream().map(JSON::readTree).toList();
    assertThat(lines).hasSize(3);
    assertThat(strings(json.path("decisions"), "verdict")).containsOnly("refused");
    assertThat(strings(json.path("decisions"), "name"))
        .containsExactly("refused.test", "refused.test", "127.1");
    assertThat(strings(json.path("decisions"), "run")).containsOnly(text(json, "run"));
    for (int i = 0; i < lines.size(); i++) {
      assertThat(lines.get(i)).isEqualTo(json.path("decisions").get(i));
      assertThat(lines.get(i).path("pid").isInt()).as(lines.get(i).toString()).isTrue();
      assertThat(lines.get(i).path("pid")).isEqualTo(lines.getFirst().path("pid"));
    }
    assertThat(text(lines.getFirst(), "explanation")).contains("--allow-host refused.test:443");
  }

  private static List<String> strings(JsonNode array, String field) {
    var all = new ArrayList<String>();
    array.forEach(one -> all.add(one.path(field).asString()));
    return all;
  }

  @ParameterizedTest
  @CsvSource({
    "curl, curl -sS https://refused.test/, refused.test:443",
    "wget, wget -q -O- http://refused.test:8080/ || wget -nv http://refused.test:8080/,"
        + " refused.test:8080",
    "git, git clone -q http://refused.test/x.git /tmp/x, refused.test:80",
    "bash, bash -c 'exec 3<>/dev/tcp/192.0.2.1/80' || curl -sS http://192.0.2.1/, 192.0.2.1:80",
    "python3, /usr/bin/python3 -c 'import urllib.request as u; u.urlopen(\"http://refused.test\")',"
        + " refused.test:80",
  })
  void withoutANetworkTheOptionIsNamedThatWouldAllowTheHost(
      String program, String command, String rule) throws Exception {
    Need.orSkip(Files.isExecutable(Path.of("/usr/bin", program)), program);
    var answer = run("--", "sh", "-c", command);
    assertThat(answer.status()).isNotZero();
    assertThat(answer.err())
        .contains("caisson: the command has no network", "--allow-host " + rule);
    var json = caisson.run("run", "--json", "--", "sh", "-c", command);
    assertThat(text(JSON.readTree(json.out()), "hint")).contains("--allow-host " + rule);
    var succeeded = run("--", "sh", "-c", command + "; true");
    assertThat(succeeded.err()).doesNotContain("--allow-host");
  }

  @Test
  void aLogNeedsAHostToDecideAbout() throws Exception {
    var answer = run("--log", "log", "--", "true");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("--allow-host");
    var missing = run("--log", "no/log", "--allow-host", "a.test:1", "--", "true");
    assertThat(missing.status()).isEqualTo(2);
    assertThat(missing.err()).contains("no/log");
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP})
  void decisionsOfTheBrokerCountAsOutput() throws Exception {
    var script =
        """
        for i in $(seq 50); do
          exec 3<>/dev/tcp/127.0.0.1/3128
          printf 'CONNECT host'$i'.invalid:443 HTTP/1.1\\r\\n\\r\\n' >&3
          cat <&3 > /dev/null
        done
        echo end
        """;
    var answer =
        run("--output-limit", "500", "--allow-host", "a.invalid:443", "--", "bash", "-c", script);
    assertThat(answer.out()).doesNotContain("end");
    assertThat(answer.err()).contains("host1.invalid", "after printing 500 bytes");
    assertThat(answer.err().lines().filter(line -> line.contains("refused")).count())
        .isBetween(1L, 12L);
  }

  // Limits

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
  void aCommandThatNeedsMoreMemoryIsKilled() throws Exception {
    var hungry = "head -c 200M /dev/zero | tail > /dev/null";
    var answer = run("--memory", "40M", "--swap", "0", "--", "sh", "-c", hungry);
    assertThat(answer.status()).isEqualTo(137);
    assertThat(answer.err()).contains("memory limit", "41943040");
    var json = json(137, "--memory", "40M", "--swap", "0", "--", "sh", "-c", hungry);
    assertThat(text(json, "ending", "type")).isEqualTo("memory-exceeded");
    assertThat(json.path("ending").path("limit").asLong()).isEqualTo(40 << 20);
    assertThat(json.path("usage").path("peak_memory_bytes").asLong())
        .isBetween(20L << 20, 40L << 20);
    assertThat(strings(json.path("enforced"))).contains("memory: 41943040 bytes", "swap: 0 bytes");
    assertThat(shell("head -c 10M /dev/zero | tail -c 2", "--memory", "40M")).hasSize(2);
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
  void aForkBeyondTheLimitFails() throws Exception {
    var script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; echo all";
    var few = json(2, "--pids", "8", "--", "sh", "-c", script);
    assertThat(text(few, "output")).doesNotContain("all");
    assertThat(text(few, "errors")).contains("fork");
    assertThat(few.path("usage").path("peak_pids").asInt()).isBetween(4, 8);
    assertThat(strings(few.path("enforced"))).contains("processes: 8");
    assertThat(shell(script, "--pids", "100")).isEqualTo("all\n");
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
  void bestEffortStillSetsTheLimitsThatWork() throws Exception {
    var json = json(0, "--cpus", "0.5", "--memory", "64M", "--best-effort", "--", "true");
    assertThat(strings(json.path("enforced")))
        .contains("processors: 0.5", "memory: 67108864 bytes");
  }

  @Test
  void aFileCannotExceedItsSizeLimit() throws Exception {
    var write = "exec head -c %d /dev/zero > /tmp/f";
    var answer = run("--file-size", "1K", "--", "sh", "-c", write.formatted(1025));
    assertThat(answer.status()).isEqualTo(128 + 25);
    assertThat(shell(write.formatted(1024), "--file-size", "1K")).isEmpty();
  }

  @Test
  void aCommandThatPrintsTooMuchIsEnded() throws Exception {
    var answer = run("--output-limit", "1K", "--", "sh", "-c", "yes >&2");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err()).contains("was ended after printing 1024 bytes");
    assertThat(shell("head -c 1000 /dev/zero", "--output-limit", "1K")).hasSize(1000);
  }

  @Test
  void aCommandThatTakesTooLongGetsSigtermAndThenSigkill() throws Exception {
    var polite = "trap 'echo asked; exit 0' TERM; sleep 1000 & wait";
    var answer = run("--timeout", "2s", "--", "sh", "-c", polite);
    assertThat(answer.status()).isEqualTo(124);
    assertThat(answer.out()).isEqualTo("asked\n");
    assertThat(answer.err()).contains("was ended after 2.0 s, its deadline");
    var deaf = run("--timeout", "500ms", "--", "sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000");
    assertThat(deaf.status()).isEqualTo(124);
    for (var enough : List.of("60", "60s", "5m", "1h")) {
      assertThat(shell("echo x", "--timeout", enough)).isEqualTo("x\n");
    }
  }

  @Test
  void processesThatTheCommandLeavesAreKilled() throws Exception {
    var marker = ProcessTable.marker();
    assertThat(shell("setsid sh -c 'trap \"\" TERM HUP; sleep 1000; : " + marker + "' & echo x"))
        .isEqualTo("x\n");
    ProcessTable.awaitNone(marker);
  }

  // Input and output

  @Test
  void theCommandReadsTheInputOfCaisson() throws Exception {
    Files.writeString(directory.resolve("f"), "from a file\n");
    var command = new String[] {"run", "--", "sh", "-c", "cat; echo end"};
    assertThat(caisson.through("echo piped | \"$@\"", command).out()).isEqualTo("piped\nend\n");
    assertThat(caisson.through("exec \"$@\" < f", command).out()).isEqualTo("from a file\nend\n");
    assertThat(caisson.through("exec \"$@\" < /dev/null", command).out()).isEqualTo("end\n");
    assertThat(caisson.through("exec \"$@\" < f", "run", "--json", "--", "cat").out())
        .contains("\"output\":\"from a file\\n\"");
  }

  @Test
  void inputThatTheCommandDoesNotReadStaysUnread() throws Exception {
    Files.writeString(directory.resolve("f"), "one\ntwo\n");
    var script = "{ \"$@\"; cat; } < f";
    assertThat(caisson.through(script, "run", "--", "sh", "-c", "read x; echo \"($x)\"").out())
        .isEqualTo("(one)\ntwo\n");
  }

  @Test
  void outputAndErrorsStaySeparateAndUnchanged() throws Exception {
    var answer = run("--", "sh", "-c", "echo out; echo err >&2; echo out again");
    assertThat(answer.out()).isEqualTo("out\nout again\n");
    assertThat(answer.err()).isEqualTo("err\n");
    var bytes = "head -c 300000 /usr/bin/bash";
    var sum = Programs.run("sh", "-c", bytes + " | sha256sum");
    var script = "\"$@\" | sha256sum";
    assertThat(caisson.through(script, "run", "--", "sh", "-c", bytes).out()).isEqualTo(sum);
  }

  @Test
  void theCommandReadsTheEndWhenTheWriterCloses() throws Exception {
    var process = caisson.start("run", "--", "cat");
    try (var in = process.outputWriter(StandardCharsets.UTF_8)) {
      in.write("first\n");
      in.flush();
      var reader = process.inputReader(StandardCharsets.UTF_8);
      assertThat(reader.readLine()).isEqualTo("first");
    }
    assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isZero();
  }

  // Endings

  @ParameterizedTest
  @CsvSource({
    "exit 0, 0",
    "exit 1, 1",
    "exit 2, 2",
    "exit 126, 126",
    "exit 255, 255",
    "kill -TERM $$, 143",
    "kill -KILL $$, 137",
    "kill -SEGV $$, 139",
    "exit 200, 200",
  })
  void itExitsAsTheCommandDoes(String script, int status) throws Exception {
    var answer = run("--", "sh", "-c", script);
    assertThat(answer.status()).isEqualTo(status);
    assertThat(answer.err()).isEmpty();
  }

  @Test
  void jsonReportsEveryEnding() throws Exception {
    var exited = json(3, "--", "sh", "-c", "echo said; exit 3");
    assertThat(text(exited, "ending", "type")).isEqualTo("exited");
    assertThat(exited.path("ending").path("status").asInt()).isEqualTo(3);
    assertThat(text(exited, "output")).isEqualTo("said\n");
    assertThat(exited.path("output_bytes").asInt()).isEqualTo(5);
    assertThat(exited.path("usage").path("wall_seconds").asDouble()).isPositive();
    assertThat(strings(exited.path("enforced")))
        .contains("network: none", "capabilities: none", "output: 1073741824 bytes");
    assertThat(strings(exited.path("command")))
        .startsWith("/usr/bin/bwrap")
        .endsWith("echo said; exit 3");
    assertThat(text(json(0, "--", "true"), "ending", "type")).isEqualTo("exited");
    var signalled = json(143, "--", "sh", "-c", "kill -TERM $$");
    assertThat(text(signalled, "ending", "type")).isEqualTo("signalled");
    assertThat(signalled.path("ending").path("signal").asInt()).isEqualTo(15);
    assertThat(text(signalled, "ending", "name")).isEqualTo("SIGTERM");
    var late = json(124, "--timeout", "100ms", "--", "sleep", "1000");
    assertThat(text(late, "ending", "type")).isEqualTo("timed-out");
    assertThat(late.path("ending").path("allowed_ms").asInt()).isEqualTo(100);
    var much = json(1, "--output-limit", "1K", "--", "yes");
    assertThat(text(much, "ending", "type")).isEqualTo("output-exceeded");
    assertThat(much.path("ending").path("limit").asInt()).isEqualTo(1024);
    var bind = json(125, "--ro-bind", "/no/such:/x", "--", "true");
    assertThat(text(bind, "ending", "type")).isEqualTo("setup-failed");
    assertThat(text(bind, "ending", "step")).isEqualTo("sandbox");
    assertThat(text(bind, "ending", "reason")).contains("/no/such");
    var command = json(127, "--", "no-such-command");
    assertThat(text(command, "ending", "type")).isEqualTo("not-executed");
    assertThat(text(command, "ending", "program")).isEqualTo("no-such-command");
    assertThat(text(command, "ending", "errno")).isEqualTo("ENOENT");
    assertThat(text(json(126, "--", "/usr"), "ending", "errno")).isEqualTo("EACCES");
  }

  @Test
  void aSystemCallOfAnotherArchitectureIsAViolation() throws Exception {
    assumeTrue("amd64".equals(System.getProperty("os.arch")));
    // getpid of the i386, then exit of x86-64
    var program = program("b814000000" + "cd80" + "31ff" + "b83c000000" + "0f05");
    var json = json(159, "--ro-bind", program + ":/run/p", "--", "/run/p");
    assertThat(text(json, "ending", "type")).isEqualTo("violation");
    var answer = run("--ro-bind", program + ":/run/p", "--", "/run/p");
    assertThat(answer.status()).isEqualTo(159);
    assertThat(answer.err()).contains("a system call that it may not make");
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void aSignalCancelsTheRun(String signal, int status) throws Exception {
    var marker = ProcessTable.marker();
    var flag = directory.resolve("flag");
    Programs.run("mkfifo", flag.toString());
    var script = "trap '' TERM INT; echo said; echo up > /flag; sleep 1000; : " + marker;
    var process = caisson.start("run", "--json", "--bind", "flag:/flag", "--", "sh", "-c", script);
    assertThat(Files.readString(flag)).isEqualTo("up\n");
    Programs.run("kill", "-" + signal, Long.toString(process.pid()));
    var out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(status);
    var json = JSON.readTree(out);
    assertThat(text(json, "ending", "type")).isEqualTo("cancelled");
    assertThat(text(json, "output")).isEqualTo("said\n");
    assertThat(ProcessTable.with(marker)).isEmpty();
    process.getOutputStream().close();
  }

  @Test
  void aDryRunPrintsTheCommandAndLeavesNothing() throws Exception {
    Files.createDirectory(directory.resolve("d"));
    var options =
        new String[] {
          "--dry-run",
          "--bind",
          "d:/d",
          "--env",
          "A=it's",
          "--allow-host",
          "127.0.0.1:1",
          "--",
          "sh",
          "-c",
          "touch /d/made 'x y'"
        };
    var text = run(options);
    assertThat(text.status()).as(text.err()).isZero();
    assertThat(text.err()).isEmpty();
    assertThat(text.out().lines()).contains("A='it'\\''s'");
    var json =
        caisson.run(
            Stream.concat(Stream.of("run", "--json"), Stream.of(options)).toArray(String[]::new));
    var plan = JSON.readTree(json.out());
    var command = strings(plan.path("command"));
    assertThat(command).startsWith("/usr/bin/bwrap").endsWith("sh", "-c", "touch /d/made 'x y'");
    assertThat(text(plan, "environment", "A")).isEqualTo("it's");
    assertThat(text(plan, "environment", "http_proxy")).isEqualTo("http://127.0.0.1:3128");
    // A shell splits the printed command into the same words.
    var line = text.out().lines().reduce((before, last) -> last).orElseThrow();
    var words = Programs.run("bash", "-c", "printf '%s\\n' " + line).lines().toList();
    assertThat(words).hasSameSizeAs(command).endsWith("touch /d/made 'x y'");
    assertThat(directory.resolve("d")).isEmptyDirectory();
    for (var word : Stream.concat(words.stream(), command.stream()).toList()) {
      if (word.contains("/scratch-")) {
        assertThat(Path.of(word)).doesNotExist();
        assertThat(Files.exists(scratch(word), LinkOption.NOFOLLOW_LINKS)).isFalse();
      }
    }
  }

  private static Path scratch(String word) {
    int start = word.indexOf("/scratch-");
    int end = word.indexOf('/', start + 1);
    return Path.of(word.substring(0, end));
  }

  @Test
  void nothingIsLeftAfterARun() throws Exception {
    var json = json(0, "--", "sh", "-c", "mkdir -p /var/a/b; chmod 0 /var/a/b /var/a; : > /var/f");
    var places = strings(json.path("command")).stream().filter(w -> w.contains("/scratch-"));
    assertThat(places.map(RunIT::scratch).distinct()).hasSize(1).allMatch(p -> !Files.exists(p));
  }

  // Wrong command lines

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "--bind|d:e|not SRC or SRC:DST with an absolute DST: d:e",
        "--bind|/:/|the whole host can be shown only read-only; use --host",
        "--ro-bind|:/x|not SRC or SRC:DST",
        "--dev-bind|a:b|not SRC or SRC:DST",
        "--tmpfs|rel|must be absolute, not rel",
        "--tmpfs|/x:big|not a size such as 4096, 512M or 2G: big",
        "--tmpfs|/x:0|must be positive",
        "--symlink|a:b|not TO:DST",
        "--env|x|your environment has no variable x",
        "--env|=x|not NAME or NAME=VALUE: =x",
        "--cap|flying|there is no capability flying; see capabilities(7)",
        "--network|all|--network is none or host, not all",
        "--allow-host|example.org|no port: write example.org:443",
        "--allow-host|http://a:1|write a host and its port",
        "--allow-host|a:99999|ports are 1 to 65535",
        "--allow-host|10.0.0.1/8:1|write 10.0.0.0/8",
        "--memory|1.5G|not a size such as 4096, 512M or 2G: 1.5G",
        "--memory|10|memory must be at least 1 MiB, not 10",
        "--memory|99999999T|the size is too large",
        "--swap|x|not a size",
        "--pids|3|pids must be at least 4",
        "--pids|-5|pids must be at least 4",
        "--cpus|0|cpus must be from 0.01",
        "--cpus|NaN|cpus must be from 0.01",
        "--file-size|-1|not a size",
        "--output-limit|x|not a size",
        "--timeout|1.5s|not a duration such as 30s, 5m or 1h: 1.5s",
        "--timeout|-1s|not a duration",
        "--root|\"\"|--root needs a path",
        "--nonsense|x|unknown option '--nonsense'",
      })
  void aWrongValueIsRefusedWithTheRightForm(String option, String value, String message)
      throws Exception {
    var answer = run(option, value, "--", "true");
    assertThat(answer.status()).as(answer.err()).isEqualTo(2);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err()).startsWith("caisson: ").contains(message, "see caisson run --help");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--timeout", "--memory", "--"})
  void anIncompleteCommandLineIsRefused(String last) throws Exception {
    var answer = run(last);
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("see caisson run --help");
  }

  @Test
  void twoNetworksAreRefused() throws Exception {
    var answer = run("--network", "host", "--allow-host", "a:1", "--", "true");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("--network and --allow-host exclude each other");
  }

  @Test
  void optionsAfterTheCommandBelongToIt() throws Exception {
    assertThat(run("--", "echo", "--json", "--help").out()).isEqualTo("--json --help\n");
    assertThat(run("echo", "--timeout", "--", "-h").out()).isEqualTo("--timeout -- -h\n");
  }
}
