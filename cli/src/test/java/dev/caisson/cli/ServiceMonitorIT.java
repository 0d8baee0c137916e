package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The monitor between a host and a service.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(300)
class ServiceMonitorIT {
  private static final String TIME = "\\d\\d:\\d\\d:\\d\\d\\.\\d{6} ";

  @TempDir Path directory;
  private Caisson caisson;
  private String service;

  @BeforeEach
  void prepare() throws Exception {
    caisson = new Caisson(directory);
    service = Peer.service(caisson).toString();
  }

  private String monitored(String... options) throws Exception {
    var args = new java.util.ArrayList<>(java.util.List.of("service", "monitor"));
    args.addAll(java.util.List.of(options));
    args.add(service);
    return caisson.launcher("monitored", args.toArray(String[]::new)).toString();
  }

  private String host(String executable, String calls, String... args) throws Exception {
    var command =
        new java.util.ArrayList<>(
            java.util.List.of(Peer.host(caisson).toString(), executable, calls));
    command.addAll(java.util.List.of(args));
    return Programs.run(command.toArray(String[]::new));
  }

  @Test
  void theMessagesOfACallAreShownOnItsStandardError() throws Exception {
    monitored();
    var answer =
        caisson.run(
            "service",
            "call",
            "./monitored",
            "emit",
            "{\"signals\": [{\"value\": 1}], \"reply\": 2}");
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).isEqualTo("2\n");
    assertThat(answer.err().lines())
        .contains("signal: 1", "monitored: stopped")
        .anyMatch(line -> line.matches("monitored: " + TIME + "-> \\{\"type\":\"method\",.*"))
        .anyMatch(line -> line.matches("monitored: " + TIME + "<- \\{\"type\":\"signal\",.*"))
        .anyMatch(line -> line.matches("monitored: " + TIME + "<- \\{\"type\":\"reply\",.*"));
  }

  @Test
  void theMessagesCanBeAppendedToAFile() throws Exception {
    var log = Files.writeString(directory.resolve("log"), "before\n");
    var executable = monitored("--output", log.toString());
    var output = host(executable, "[{\"call\": \"echo\", \"args\": [\"\\u001b\\u009b\"]}]");
    assertThat(output).endsWith("status 0\n| stopped\n");
    assertThat(Files.readString(log)).contains("[\"\\u001B\\u009B\"]");
    assertThat(Files.readAllLines(log))
        .satisfiesExactly(
            line -> assertThat(line).isEqualTo("before"),
            line -> assertThat(line).matches(TIME + "-> .*\"echo\".*"),
            line -> assertThat(line).matches(TIME + "<- .*\"reply\".*"));
  }

  @Test
  void largeMessagesDescriptorsAndFailuresPassUnchanged() throws Exception {
    Files.writeString(directory.resolve("f"), "contents");
    var file = directory.resolve("f").toString();
    var calls =
        """
        [{"call": "echo", "args": [1.5, 12345678901234567890123, null, "ü\\u0000"], "with": ["%1$s", "%1$s"]},
         {"call": "emit", "args": {"signals": [{"value": [], "with": [0]}]}, "with": ["%1$s"]},
         {"call": "sized", "args": [2000000]},
         {"call": "echo", "args": "%2$s", "with": ["%1$s"]},
         {"call": "fail", "args": ["as it is"]}]
        """
            .formatted(file, "y".repeat(100_000));
    var through = host(monitored("--output", directory.resolve("log").toString()), calls);
    assertThat(through)
        .contains("signal [] 1")
        .contains("reply 2000002 []")
        .contains("reply 100002 ['contents']")
        .contains("exception ValueError as it is")
        .isEqualTo(host(service, calls));
  }

  @Test
  void onlyTheArgumentsOfTheHostReachTheService() throws Exception {
    var output =
        host(
            monitored("--output", "/dev/null"),
            "[{\"call\": \"about\", \"args\": []}]",
            "--help",
            "-x");
    assertThat(output)
        .contains(
            "\"argv\": [\"--service-id\", \"s\", \"--service-fd\", \"FD\", \"--help\", \"-x\"]")
        .contains("\"descriptors\": [0, 1, 2, \"FD\"]")
        .contains("\"stdin\": \"/dev/null\"")
        .contains("\"output\": \"one pipe\"");
  }

  @Test
  void theMonitorExitsAsTheServiceDoes() throws Exception {
    var executable = monitored("--output", "/dev/null");
    assertThat(host(executable, "[{\"call\": \"exit\", \"args\": [9]}]"))
        .contains("ended\nstatus 9\n");
    assertThat(host(executable, "[{\"call\": \"fail_at_stop\"}]"))
        .contains("reply null []\nstatus 1\n");
    assertThat(host(executable, "[{\"call\": \"signal_itself\", \"args\": [\"KILL\"]}]"))
        .contains("ended\nstatus 137\n");
  }

  @Test
  void anInvalidMessageIsShownAndEndsTheConnection() throws Exception {
    var log = directory.resolve("log");
    var output =
        host(
            monitored("--output", log.toString()),
            "[{\"call\": \"raw\", \"args\": [{\"hex\": \"1b5b\"}]}]");
    assertThat(output).startsWith("ended\nstatus 0\n");
    var lines = Files.readAllLines(log);
    assertThat(lines).hasSize(2);
    assertThat(lines.getLast()).matches(TIME + "<- ended: not JSON: .*").doesNotContain("\u001b");
  }

  @Test
  void aServiceThatCannotBeStartedIsReported() throws Exception {
    service = directory.resolve("none").toString();
    assertThat(host(monitored(), "[{\"call\": \"echo\"}]"))
        .startsWith("ended\nstatus 1\n| caisson: ")
        .contains("/none")
        .contains("ENOENT");
  }

  @Test
  void aFileThatCannotBeWrittenIsReported() throws Exception {
    assertThat(host(monitored("--output", "/no/such/file"), "[{\"call\": \"echo\"}]"))
        .isEqualTo(
            "ended\nstatus 1\n| caisson: /no/such/file: there is no such file or directory\n");
  }

  @Test
  void withoutAHostTheMonitorSaysWhatToUse() throws Exception {
    var without = caisson.run("service", "monitor");
    assertThat(without.status()).isEqualTo(2);
    assertThat(without.err()).contains("an executable is needed");
    var byHand = caisson.run("service", "monitor", service);
    assertThat(byHand.status()).isEqualTo(2);
    assertThat(byHand.err()).contains("a host must start this").contains("service call --monitor");
    var noNumber =
        caisson.run("service", "monitor", service, "--service-id", "x", "--service-fd", "y");
    assertThat(noNumber.status()).isEqualTo(2);
    assertThat(noNumber.err()).contains("--service-fd takes the number of a descriptor, not y");
    var closed =
        caisson.run("service", "monitor", service, "--service-id", "x", "--service-fd", "999");
    assertThat(closed.status()).isEqualTo(1);
    assertThat(closed.err()).contains("EBADF").doesNotContain("bug");
  }

  @Test
  void nothingIsLeftWhenTheHostIsKilled() throws Exception {
    // A signal says that the service runs; then the host waits for an answer that never comes.
    service =
        Peer.service(
                caisson,
                """
                class Waits(peer.Service):
                    def do_wait(self, args, fds):
                        self.signal("up", [])
                        self.connection.receive()
                        return None, []
                peer.Service = Waits
                peer.serve(sys.argv[1:])
                """)
            .toString();
    var process =
        new ProcessBuilder(
                Peer.host(caisson).toString(),
                monitored("--output", "/dev/null"),
                "[{\"call\": \"wait\"}]")
            .redirectErrorStream(true)
            .start();
    try (var output = process.inputReader(StandardCharsets.UTF_8)) {
      assertThat(output.readLine()).isEqualTo("signal \"up\" 0");
      var below = process.descendants().toList();
      assertThat(below).hasSize(2);
      process.destroyForcibly();
      for (var one : below) {
        one.onExit().get(2, TimeUnit.MINUTES);
      }
      process.waitFor();
    }
    assertThat(ProcessTable.with(directory.toString())).isEmpty();
  }
}
