package dev.caisson.linux.tty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.Spawn;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A relay is a job of the user's shell.
@ExtendWith(NoLeaks.class)
@Timeout(240)
class JobControlTest {
  private static final Duration LONG = Duration.ofMinutes(1);
  private static final String READS = "sh -c 'echo is-$((6*7)); read line; echo got-$line'";

  @TempDir Path directory;

  /// A session in a shell with a prompt, where `$relay` runs a program on another terminal.
  private interface Session {
    void run(Screen screen, Pty pty) throws Exception;
  }

  private void session(Session session) throws Exception {
    var relay = Programs.javaProgram(directory, RelayedProgram.class);
    try (var pty = Pty.openpty();
        var shell =
            Spawn.of(Path.of("/bin/bash"))
                .args("--norc", "--noprofile", "--noediting", "-i")
                .env("PATH", "/usr/bin:/bin")
                .env("TERM", "dumb")
                .env("PS1", "user> ")
                .env("relay", relay + " /usr/bin/env")
                .controllingTerminal(pty)
                .start()) {
      pty.slave().close();
      var screen = Screen.at(pty);
      screen.await("user> ");
      var before = Termios.tcgets(pty.master());
      session.run(screen, pty);
      assertThat(Termios.tcgets(pty.master())).usingRecursiveComparison().isEqualTo(before);
      screen.type("exit\n");
      shell.waitid(LONG);
      screen.awaitEnd();
    }
  }

  private static void awaitRaw(Pty pty) {
    Eventually.holds(() -> Termios.tcgets(pty.master()).isRaw());
  }

  @Test
  void theSuspendKeyStopsTheProgramAndTheJob() throws Exception {
    session((screen, pty) -> {
      screen.type("$relay " + READS + "\n");
      screen.await("is-42");
      screen.type("\u001a");
      screen.await("Stopped");
      screen.await("user> ", 2);
      assertThat(Termios.tcgets(pty.master()).isRaw()).isFalse();
      screen.type("fg\n");
      awaitRaw(pty);
      screen.type("hello\n");
      screen.await("got-hello");
      screen.await("user> ", 3);
    });
  }

  @Test
  void aProgramThatIgnoresTheSuspendKeyReceivesIt() throws Exception {
    session((screen, pty) -> {
      screen.type("$relay sh -c 'trap \"\" TSTP; echo is-$((6*7)); read line; echo got-$line'\n");
      screen.await("is-42");
      screen.type("\u001ahello\n");
      screen.await("got-hello");
      screen.await("user> ", 2);
      assertThat(screen.text()).doesNotContain("Stopped");
    });
  }

  @Test
  void inTheBackgroundTheTerminalIsNotChanged() throws Exception {
    session((screen, pty) -> {
      screen.type("$relay " + READS + " &\n");
      screen.await("is-42");
      screen.type("jobs\n");
      screen.await("Running");
      assertThat(Termios.tcgets(pty.master()).isRaw()).isFalse();
      screen.type("fg\n");
      awaitRaw(pty);
      screen.type("hello\n");
      screen.await("got-hello");
      screen.await("user> ", 4);
    });
  }

  @Test
  void aJvmThatEndsInTheBackgroundDoesNotChangeTheTerminal() throws Exception {
    session((screen, pty) -> {
      screen.type("$relay " + READS + "\n");
      screen.await("is-42");
      int job = pty.tcgetpgrp();
      Processes.killGroup(job, Signal.STOP);
      screen.await("Stopped");
      screen.await("user> ", 2);
      // For kill, the shell sends SIGTERM, and then SIGCONT.
      screen.type("kill %1; wait; echo ended-$((6*7))\n");
      screen.await("ended-42");
      screen.await("user> ", 3);
    });
  }
}
