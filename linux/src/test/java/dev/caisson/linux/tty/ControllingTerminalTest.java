package dev.caisson.linux.tty;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Signal;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// A process on a pseudo-terminal has all features of a terminal.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class ControllingTerminalTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Path SH = Path.of("/bin/sh");
  private static final Path BASH = Path.of("/bin/bash");

  private static Spawn shell(Path shell, String... args) {
    return Spawn.of(shell)
        .args(args)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("TERM", "dumb")
        .env("PS1", "prompt> ");
  }

  /// Runs a process to its successful end, and returns its output.
  private static String shown(Spawn spawn, SpawnThread thread) throws Exception {
    try (var pty = Pty.openpty();
        var child = spawn.controllingTerminal(pty).startFrom(thread)) {
      pty.slave().close();
      var screen = Screen.at(pty);
      screen.awaitEnd();
      assertThat(child.waitid(LONG).success()).as(screen.text()).isTrue();
      return screen.text();
    }
  }

  private static String shown(Spawn spawn) throws Exception {
    return shown(spawn, SpawnThread.shared());
  }

  @Test
  void theStandardStreamsAreTheTerminal() throws Exception {
    try (var pty = Pty.openpty();
        var child =
            shell(SH, "-c", "tty; tty <&1; tty <&2; ls -1 /proc/$$/fd; exit 7")
                .controllingTerminal(pty)
                .start()) {
      pty.slave().close();
      var screen = Screen.at(pty);
      screen.awaitEnd();
      assertThat(screen.text().lines())
          .containsExactly(
              pty.path().toString(), pty.path().toString(), pty.path().toString(), "0", "1", "2");
      assertThat(child.waitid(LONG))
          .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(7));
    }
  }

  @Test
  void theProcessLeadsASessionAndIsInTheForeground() throws Exception {
    var fields =
        shown(shell(SH, "-c", "ps -o pid=,pgid=,sid=,tpgid= -p $$; :")).strip().split(" +");
    assertThat(fields).hasSize(4).containsOnly(fields[0]);
    assertThat(shown(shell(SH, "-c", "echo hello > /dev/tty"))).isEqualTo("hello\r\n");
  }

  @Test
  void furtherDescriptorsArePassedToo() throws Exception {
    try (var third = Memfd.sealed("third", "of the third\n".getBytes(UTF_8));
        var ninth = Memfd.sealed("ninth", "of the ninth\n".getBytes(UTF_8))) {
      var spawn = shell(SH, "-c", "cat <&3; cat <&9; tty > /dev/null; ls -1 /proc/$$/fd");
      assertThat(shown(spawn.descriptor(9, ninth).descriptor(3, third)).lines())
          .containsExactly("of the third", "of the ninth", "0", "1", "2", "3", "9");
    }
  }

  @Test
  void aGivenStandardStreamReplacesTheTerminal() throws Exception {
    try (var errors = Pipe.pipe2();
        var input = Memfd.sealed("input", "of the input\n".getBytes(UTF_8))) {
      var spawn = shell(SH, "-c", "cat; echo error >&2; echo terminal > /dev/tty");
      assertThat(shown(spawn.descriptor(2, errors.write()).descriptor(0, input)).lines())
          .containsExactly("of the input", "terminal");
      assertThat(Descriptors.line(errors.read())).isEqualTo("error");
    }
  }

  @Test
  @Requires(Need.ROOT)
  void theTerminalIsTheSameEvenBelowAMount() throws Exception {
    try (var thread = SpawnThread.withPrivateMounts()) {
      thread.call(() -> {
        Mounts.mount("none", Path.of("/dev/pts"), "tmpfs", java.util.Set.of(), "");
        return thread;
      });
      assertThat(shown(shell(SH, "-c", "echo hello > /dev/tty"), thread)).isEqualTo("hello\r\n");
    }
  }

  /// A session in a shell with a prompt.
  private interface Session {
    void run(Screen screen, Pty pty) throws Exception;
  }

  private static Exit session(Spawn spawn, Session session) throws Exception {
    try (var pty = Pty.openpty();
        var child = spawn.controllingTerminal(pty).start()) {
      pty.slave().close();
      var screen = Screen.at(pty);
      screen.await("prompt> ");
      session.run(screen, pty);
      var exit = child.waitid(LONG);
      screen.awaitEnd();
      return exit;
    }
  }

  @Test
  void aShellHasJobControl() throws Exception {
    var exit =
        session(
            shell(SH, "-i", "-m"),
            (screen, pty) -> {
              screen.type("sleep 1000 &\n");
              screen.await("prompt> ", 2);
              screen.type("jobs\n");
              screen.await("Running");
              // A shell ignores SIGTERM, and its child does so until execve.
              awaitProgram(pty, "S.*sleep");
              screen.type("kill %1; wait; jobs; echo do''ne\n");
              screen.await("done\r\n");
              screen.type("exit 3\n");
            });
    assertThat(exit)
        .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(3));
  }

  @Test
  void theInterruptAndSuspendKeysReachTheForeground() throws Exception {
    session(
        shell(BASH, "--norc", "--noprofile", "-i"),
        (screen, pty) -> {
          screen.type("echo st''arted; sleep 1000; echo status $?\n");
          awaitForeground(screen, pty, "started\r\n");
          screen.type("\u0003");
          screen.await("prompt> ", 2);
          screen.type("echo st''opping; sleep 1000\n");
          awaitForeground(screen, pty, "stopping\r\n");
          screen.type("\u001a");
          screen.await("Stopped");
          screen.type("fg\n");
          awaitForeground(screen, pty, "fg\r\nsleep 1000\r\n");
          screen.type("\u0003");
          screen.await("prompt> ", 4);
          screen.type("exit\n");
        });
  }

  /// Waits until a program that the shell has started is in the foreground.
  private static void awaitForeground(Screen screen, Pty pty, String text) {
    screen.await(text);
    awaitProgram(pty, "[^ ]+[+].*sleep");
  }

  /// Waits until a program with this state and name runs on the terminal.
  static void awaitProgram(Pty pty, String stateAndName) {
    var name = pty.path().toString().substring("/dev/".length());
    Eventually.holds(() -> {
      try {
        var ps = Spawn.of(Path.of("/usr/bin/ps")).args("-t", name, "-o", "stat=,comm=");
        return CommandOutput.run(ps, LONG)
            .output()
            .lines()
            .anyMatch(line -> line.matches(stateAndName));
      } catch (IOException failure) {
        throw new AssertionError(failure);
      }
    });
  }

  @Test
  void aChangeOfTheWindowSizeSendsSigwinch() throws Exception {
    try (var pty = Pty.openpty()) {
      pty.windowSize(new WindowSize(33, 77));
      var script =
          "trap 'stty size; kill $!; exit 5' WINCH; sleep 1000 & stty size; echo ready; wait";
      try (var child = shell(BASH, "-c", script).controllingTerminal(pty).start()) {
        pty.slave().close();
        var screen = Screen.at(pty);
        screen.await("ready");
        assertThat(screen.text()).startsWith("33 77\r\n");
        pty.windowSize(new WindowSize(44, 88));
        screen.await("44 88\r\n");
        assertThat(child.waitid(LONG))
            .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(5));
        screen.awaitEnd();
      }
    }
  }

  @Test
  void closingTheMasterHangsUpTheTerminal() throws Exception {
    var pty = Pty.openpty();
    try (pty;
        var child =
            shell(SH, "-c", "echo ready; exec sleep 1000").controllingTerminal(pty).start()) {
      pty.slave().close();
      assertThat(Descriptors.line(pty.master())).isEqualTo("ready\r");
      pty.master().close();
      assertThat(child.waitid(LONG))
          .isInstanceOfSatisfying(
              Exit.Signalled.class, e -> assertThat(e.signal()).isEqualTo(Signal.HUP));
    }
  }
}
