package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// `caisson run` at a terminal.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class RunTerminalIT {
  private static final String CTRL_C = "\003";
  private static final String CTRL_D = "\004";
  private static final String CTRL_V = "\026";
  private static final String CTRL_Z = "\032";

  @TempDir Path directory;
  private Caisson caisson;
  private String marker;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
    marker = ProcessTable.marker();
  }

  private AtTerminal run(String... args) throws Exception {
    return AtTerminal.start(caisson.launcher("caisson-run", "run"), args);
  }

  /// A bash with a prompt that occurs nowhere else.
  private AtTerminal bash(String... options) throws Exception {
    var args = new ArrayList<>(List.of("--env", "PS1=ready> "));
    args.addAll(List.of(options));
    args.addAll(List.of("--", "bash", "--norc"));
    return run(args.toArray(String[]::new)).expect("ready> ");
  }

  @Test
  void bashHasAPromptAndItsExitStatusIsReturned() throws Exception {
    try (var terminal = run("--", "bash")) {
      terminal.expect("# ").type("echo $((6 * 7))-$-\r").expect("42-").expect("# ");
      terminal.type("test -t 0 && test -t 1 && test -t 2 && echo all''-three\r");
      terminal.expect("all-three").type("exit 7\r");
      assertThat(terminal.end()).isEqualTo(7);
      assertThat(terminal.screen()).doesNotContain("no job control");
    }
  }

  @Test
  void theEndOfTheTypedInputEndsTheCommand() throws Exception {
    try (var terminal = bash()) {
      terminal.type(CTRL_D);
      assertThat(terminal.end()).isZero();
    }
    try (var terminal = run("--", "sh", "-c", "echo is-up; exec cat")) {
      terminal.expect("is-up").type("a line\r").expect("a line").expect("a line").type(CTRL_D);
      assertThat(terminal.end()).isZero();
    }
  }

  @Test
  void jobsAreStoppedContinuedAndInterrupted() throws Exception {
    try (var terminal = bash()) {
      terminal.type("sh -c 'echo is-''up; exec sleep 1000'\r").expect("is-up");
      terminal.type(CTRL_Z).expect("Stopped").expect("ready> ");
      terminal.type("jobs\r").expect("Stopped").expect("ready> ");
      terminal.type("bg\r").expect("ready> ").type("jobs\r").expect("Running").expect("ready> ");
      terminal.type("fg\r").expect("sleep 1000").type(CTRL_C).expect("ready> ");
      terminal.type("echo status-$?\r").expect("status-130").expect("ready> ");
      terminal.type("exit 4\r");
      assertThat(terminal.end()).isEqualTo(4);
    }
  }

  @Test
  void ctrlCEndsTheCommand() throws Exception {
    try (var terminal = run("--", "sh", "-c", "echo is-up; exec sleep 1000")) {
      terminal.expect("is-up").type(CTRL_C);
      assertThat(terminal.end()).isEqualTo(130);
    }
  }

  @Test
  void redirectedErrorsStayRedirected() throws Exception {
    var errors = directory.resolve("errors");
    var launcher = caisson.launcher("caisson-run", "run");
    var line = "\"$0\" \"$@\" 2> " + errors;
    try (var terminal =
        AtTerminal.shell(line, launcher, "--", "sh", "-c", "echo er''ror >&2; echo out")) {
      terminal.expect("out");
      assertThat(terminal.end()).isZero();
      assertThat(terminal.screen()).doesNotContain("error");
    }
    assertThat(errors).hasContent("error");
  }

  @Test
  void aProgramCanOpenItsOwnTerminal() throws Exception {
    try (var terminal =
        run("--", "script", "-q", "-c", "test -t 0 && echo a''-terminal", "/dev/null")) {
      terminal.expect("a-terminal");
      assertThat(terminal.end()).isZero();
    }
  }

  @Test
  void aRootWithoutProgramsHasATerminalToo() throws Exception {
    var root = Files.createDirectory(directory.resolve("root"));
    Files.createDirectories(root.resolve("usr"));
    var shown = List.of("/usr/bin/dash:/run/dash", "/usr/lib:/usr/lib", "/usr/lib64:/usr/lib64");
    var args = new ArrayList<>(List.of("--root", root.toString()));
    shown.forEach(bind -> args.addAll(List.of("--ro-bind", bind)));
    Files.createDirectory(root.resolve("usr/lib"));
    Files.createDirectory(root.resolve("usr/lib64"));
    args.addAll(List.of("--", "/run/dash", "-c", "test -t 0 && echo a''-terminal; exit 6"));
    try (var terminal = run(args.toArray(String[]::new))) {
      terminal.expect("a-terminal");
      assertThat(terminal.end()).isEqualTo(6);
    }
  }

  @Test
  void theWindowSizeAndItsChangesReachTheCommand() throws Exception {
    var script =
        "trap 'stty size; exit 3' WINCH; stty size; echo is-up; sleep 1000 & wait; sleep 1000";
    try (var terminal = run("--", "bash", "-c", script)) {
      terminal.expect("33 77").expect("is-up").resize(40, 90).expect("40 90");
      assertThat(terminal.end()).isEqualTo(3);
    }
  }

  @Test
  void allOutputIsShownWhenTheCommandEnds() throws Exception {
    try (var terminal = run("--", "sh", "-c", "seq 1 20000; echo errors >&2")) {
      assertThat(terminal.end()).isZero();
      assertThat(terminal.screen()).contains("\n1\n2\n3\n", "\n19999\n20000\nerrors\n");
    }
  }

  @Test
  void theTerminalIsRestoredIfTheCommandLeavesItsOwnRaw() throws Exception {
    try (var terminal = run("--", "sh", "-c", "stty raw -echo; kill -KILL $$")) {
      assertThat(terminal.end()).isEqualTo(137);
    }
  }

  @Test
  void theTerminalIsRestoredWhenASignalEndsCaisson() throws Exception {
    for (var signal : List.of("TERM", "INT", "HUP")) {
      var script = "trap '' TERM INT HUP; echo is-up; sleep 1000; : " + marker;
      try (var terminal = run("--", "sh", "-c", script)) {
        terminal.expect("is-up");
        Programs.run("kill", "-" + signal, Long.toString(terminal.command()));
        assertThat(terminal.end()).isGreaterThan(128);
      }
      ProcessTable.awaitNone(marker);
    }
  }

  @Test
  void aDeadlineEndsTheCommand() throws Exception {
    try (var terminal = run("--timeout", "1s", "--", "sh", "-c", "trap '' TERM HUP; sleep 1000")) {
      assertThat(terminal.end()).isEqualTo(124);
      assertThat(terminal.screen()).contains("was ended after 1.0 s, its deadline");
    }
  }

  @Test
  void theCommandEndsWhenTheWindowIsClosed() throws Exception {
    var script = "trap '' TERM INT HUP; echo is-up; sleep 1000; : " + marker;
    try (var terminal = run("--", "sh", "-c", script)) {
      terminal.expect("is-up");
      assertThat(ProcessTable.with(marker)).isNotEmpty();
    }
    ProcessTable.awaitNone(marker);
  }

  @Test
  void theTerminalHasAName() throws Exception {
    for (var options : List.of(List.<String>of(), List.of("--user", "1234"), List.of("--host"))) {
      var args = new ArrayList<>(options);
      args.addAll(List.of("--", "tty"));
      try (var terminal = run(args.toArray(String[]::new))) {
        assertThat(terminal.end()).as(terminal.screen()).isZero();
        assertThat(terminal.screen()).contains("/dev/console");
      }
    }
  }

  @Test
  void aMissingCommandIsReported() throws Exception {
    try (var terminal = run("--", "no-such-command")) {
      assertThat(terminal.end()).isEqualTo(127);
      assertThat(terminal.screen()).contains("was not found in its sandbox: no-such-command");
    }
    try (var terminal = run("--", "sh", "-c", "no-such-command")) {
      assertThat(terminal.end()).isEqualTo(127);
    }
  }

  @Test
  void withoutATerminalTheCommandHasPipes() throws Exception {
    var script = "test -t 1 || echo one; test -t 2 || echo two; exit 6";
    try (var terminal = run("--no-terminal", "--", "sh", "-c", script)) {
      assertThat(terminal.end()).isEqualTo(6);
      assertThat(terminal.screen()).contains("one\ntwo\n");
    }
    try (var terminal = run("--output-limit", "10K", "--", "yes")) {
      assertThat(terminal.end()).isEqualTo(1);
      assertThat(terminal.screen()).contains("was ended after printing 10240 bytes, its limit");
    }
    var launcher = caisson.launcher("caisson-run", "run");
    var args = new String[] {"--", "sh", "-c", "test -t 0 || cat; test -t 1 || echo one; exit 6"};
    try (var terminal = AtTerminal.shell("echo piped | \"$0\" \"$@\"", launcher, args)) {
      assertThat(terminal.end()).isEqualTo(6);
      assertThat(terminal.screen()).contains("piped\none\n");
    }
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void theCommandCannotTypeIntoATerminal() throws Exception {
    var program =
        """
        import fcntl, termios
        try:
            fcntl.ioctl(0, termios.TIOCSTI, b'x')
            print('typed')
        except OSError as e:
            print('errno', e.errno)
        """;
    try (var terminal = run("--", "/usr/bin/python3", "-c", program)) {
      assertThat(terminal.end()).isZero();
      assertThat(terminal.screen()).containsPattern("errno \\d+").doesNotContain("typed");
    }
  }

  // Jobs of the user's shell

  private AtTerminal jobs() throws Exception {
    return AtTerminal.jobs(caisson.launcher("caisson-run", "run"));
  }

  /// The state of the process in the sandbox that has the marker.
  private char state() throws Exception {
    for (long pid : ProcessTable.with(marker)) {
      if (ProcessTable.commandLine(pid).startsWith("sh\0-c\0")) {
        return Programs.run("ps", "-o", "stat=", "-p", Long.toString(pid)).charAt(0);
      }
    }
    return '-';
  }

  /// A command that prints that it is up, then reads a line and prints it.
  private static String repeats() {
    return "\"$run\" -- sh -c 'echo is-$((6*7)); read line; echo got-$line'";
  }

  @Test
  void aJobInTheBackgroundIsNotStopped() throws Exception {
    try (var shell = jobs()) {
      var settings = shell.settings();
      for (var options : List.of("", "--no-terminal")) {
        var script = "echo is-$((6*7)); exec sleep 1000";
        shell.type("\"$run\" " + options + " -- sh -c '" + script + "' &\r");
        shell.expect("is-42").type("jobs\r").expect("Running").expect("user> ");
        assertThat(shell.settings()).isEqualTo(settings);
        shell.type("kill %1; wait; jobs; echo ended-$((6*7))\r").expect("ended-42");
      }
      shell.type("exit\r").awaitEnd();
    }
  }

  @Test
  void aJobThatReadsHasTheKeyboardInTheForeground() throws Exception {
    try (var shell = jobs()) {
      var settings = shell.settings();
      shell.type(repeats() + " &\r").expect("is-42");
      shell.type("echo shell-$((6*7)); jobs\r").expect("shell-42").expect("Running");
      shell.expect("user> ").type("fg\r").expect("line'").awaitRaw();
      shell.type("hello\r").expect("got-hello").expect("user> ");
      assertThat(shell.settings()).isEqualTo(settings);
      shell.type("exit\r").awaitEnd();
    }
  }

  @Test
  void aSuspendedJobContinuesInTheForeground() throws Exception {
    try (var shell = jobs()) {
      var settings = shell.settings();
      shell.type(repeats().replace("echo got", ": " + marker + "; echo got") + "\r");
      shell.expect("is-42");
      for (int times = 0; times < 2; times++) {
        shell.awaitRaw().type(CTRL_Z).expect("Stopped").expect("user> ");
        assertThat(shell.settings()).isEqualTo(settings);
        Eventually.holds(() -> state() == 'T');
        shell.resize(40, 90 + times).type("fg\r").expect("line'");
      }
      shell.awaitRaw().type("hello\r").expect("got-hello").expect("user> ");
      assertThat(shell.settings()).isEqualTo(settings);
      shell.type("exit\r").awaitEnd();
    }
  }

  @Test
  void aSuspendedJobContinuesInTheBackground() throws Exception {
    try (var shell = jobs()) {
      var settings = shell.settings();
      var script = "while echo tick-$((6*7)); do sleep 0.1; done";
      shell.type("\"$run\" -- sh -c '" + script + "'\r").expect("tick-42");
      shell.type(CTRL_Z).expect("Stopped").expect("user> ");
      shell.type("bg\r").expect("tick-42").expect("tick-42");
      shell.type("jobs\r").expect("Running");
      assertThat(shell.settings()).isEqualTo(settings);
      shell.type("fg\r").expect("done'").awaitRaw().expect("tick-42").type(CTRL_C);
      shell.expect("user> ").type("echo status-$?\r").expect("status-130");
      assertThat(shell.settings()).isEqualTo(settings);
      shell.type("exit\r").awaitEnd();
    }
  }

  @Test
  void aScriptIsSuspendedWithTheCommandThatItRuns() throws Exception {
    var script = caisson.executable("script", repeats() + "\necho after-$((6*7))\n");
    try (var shell = jobs()) {
      shell.type("sh " + script + "\r").expect("is-42").awaitRaw();
      shell.type(CTRL_Z).expect("Stopped").expect("user> ").type("fg\r").expect("sh ");
      shell.awaitRaw().type("hello\r").expect("got-hello").expect("after-42");
      shell.expect("user> ").type("exit\r").awaitEnd();
    }
  }

  @Test
  void aShellInsideSuspendsItsOwnJobs() throws Exception {
    try (var shell = jobs()) {
      shell.type("\"$run\" --env 'PS1=ready> ' -- bash --norc\r").expect("ready> ").awaitRaw();
      shell.type(CTRL_Z).type("\r").expect("ready> ");
      shell.type("sh -c 'echo is-$((6*7)); exec sleep 1000'\r").expect("is-42");
      shell.type(CTRL_Z).expect("Stopped").expect("ready> ").type("jobs\r").expect("Stopped");
      shell.expect("ready> ").type("exit 4\r").expect("user> ");
      shell.type("echo status-$?\r").expect("status-4").type("exit\r").awaitEnd();
    }
  }

  @Test
  void aRawProgramReadsTheSuspendKey() throws Exception {
    try (var shell = jobs()) {
      var raw = "stty raw -echo; echo is-$((6*7)); head -c 1 | od -An -tx1";
      shell.type("\"$run\" -- sh -c '" + raw + "'\r").expect("is-42").awaitRaw();
      shell.type(CTRL_Z).expect(" 1a").expect("user> ");
      var quoted = "echo is-$((6*7)); head -n 1 | od -An -tx1";
      shell.type("\"$run\" -- sh -c '" + quoted + "'\r").expect("is-42").awaitRaw();
      shell.type(CTRL_V + CTRL_Z + "\r").expect(" 1a 0a").expect("user> ");
      shell.type("exit\r").awaitEnd();
    }
  }

  @Test
  void aJobThatASignalStoppedContinues() throws Exception {
    try (var shell = jobs()) {
      var settings = shell.settings();
      for (var signal : List.of("STOP", "TSTP")) {
        shell.type(repeats() + "\r").expect("is-42").awaitRaw();
        Programs.run("kill", "-" + signal, Long.toString(shell.command()));
        shell.expect("Stopped").expect("user> ").type("bg; jobs\r").expect("Running");
        shell.expect("user> ");
        assertThat(shell.settings()).isEqualTo(settings);
        shell.type("fg\r").expect("line'").awaitRaw();
        shell.type("hello\r").expect("got-hello").expect("user> ");
        assertThat(shell.settings()).isEqualTo(settings);
      }
      shell.type("exit\r").awaitEnd();
    }
  }

  @Test
  void withoutJobControlTheSuspendKeyIsIgnored() throws Exception {
    var script = "echo is-up; read line; echo got-$line";
    try (var terminal = run("--", "sh", "-c", script)) {
      terminal.expect("is-up").type(CTRL_Z).type("hello\r").expect("got-hello");
      assertThat(terminal.end()).isZero();
    }
  }

  // A shell on failure

  @Test
  void aShellOpensInTheSandboxOfAFailedCommand() throws Exception {
    var script = "echo kept > /var/it; echo gone > /tmp/it; exit 5";
    try (var terminal = run("--shell-on-failure", "--env", "A=given", "--", "sh", "-c", script)) {
      terminal.expect("a shell in a new sandbox").expect("# ");
      terminal.type("cat /var/it; echo $A-is; test -e /tmp/it || echo none''-there\r");
      terminal.expect("kept").expect("given-is").expect("none-there").type("exit 3\r");
      assertThat(terminal.end()).isEqualTo(5);
    }
  }

  @Test
  void noShellOpensWithoutAFailureOrWithoutATerminal() throws Exception {
    try (var terminal = run("--shell-on-failure", "--", "echo", "well")) {
      assertThat(terminal.end()).isZero();
      assertThat(terminal.screen()).contains("well").doesNotContain("shell in a new sandbox");
    }
    var answer = caisson.run("run", "--shell-on-failure", "--", "sh", "-c", "exit 5");
    assertThat(answer.status()).isEqualTo(5);
    assertThat(answer.err()).contains("--shell-on-failure needs a terminal");
  }

  @Test
  void aShellOpensInTheSandboxOfAFailedStage() throws Exception {
    Files.writeString(
        directory.resolve("m.json"),
        """
        {"version": "2", "pipelines": [{"name": "a", "stages": [
          {"type": "dev.caisson.command", "options": {"argv":
            ["sh", "-c", "echo made > /run/osbuild/tree/it; exit 5"]}}]}]}
        """);
    var launcher = caisson.launcher("caisson-build", "build");
    try (var terminal = AtTerminal.start(launcher, "m.json", "--shell-on-failure")) {
      terminal.expect("dev.caisson.command failed").expect("this is a shell").expect("# ");
      terminal.type("cat /run/osbuild/tree/it\r").expect("made").type("exit 3\r");
      assertThat(terminal.end()).isEqualTo(1);
      assertThat(terminal.screen()).contains("exited with status 5");
    }
    try (var temporary = Files.list(directory.resolve(".caisson/tmp"))) {
      assertThat(temporary.map(path -> path.getFileName().toString())).containsExactly(".lock");
    }
    var answer = caisson.run("build", "m.json", "--shell-on-failure");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("--shell-on-failure needs a terminal");
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL})
  void withoutANetworkTheOptionIsNamedThatWouldAllowTheHost() throws Exception {
    try (var terminal = run("--", "curl", "https://refused.test/")) {
      assertThat(terminal.end()).isEqualTo(6);
      assertThat(terminal.screen()).contains("--allow-host refused.test:443");
    }
  }
}
