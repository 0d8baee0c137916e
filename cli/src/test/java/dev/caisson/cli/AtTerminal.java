package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.tty.Pty;
import dev.caisson.linux.tty.WindowSize;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/// A terminal with a shell that runs the command.
///
/// The shell prints the settings of the terminal before and after the command, and its exit status.
final class AtTerminal implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final Pattern SETTINGS = Pattern.compile("settings=(\\S+)");
  private static final String BEFORE = "echo settings=$(stty -g); ";
  private static final String AFTER =
      "; echo over=$?; echo settings=$(stty -g); echo fin''ished; read last";

  private final Pty pty;
  private final Child shell;
  private final StringBuilder screen = new StringBuilder();
  private int seen;

  private AtTerminal(Pty pty, Child shell) {
    this.pty = pty;
    this.shell = shell;
  }

  /// Runs a command with these arguments.
  ///
  /// @param launcher the file of the command
  static AtTerminal start(Path launcher, String... args) throws IOException {
    return shell("\"$0\" \"$@\"", launcher, args);
  }

  /// Runs a line of the shell, in which `"$0" "$@"` is the command.
  static AtTerminal shell(String line, Path launcher, String... args) throws IOException {
    var command = new ArrayList<>(List.of("-c", BEFORE + line + AFTER, launcher.toString()));
    command.addAll(List.of(args));
    return at(Spawn.of(Path.of("/bin/sh")).args(command), launcher);
  }

  /// Starts an interactive bash with job control, in which `$run` is the command.
  static AtTerminal jobs(Path launcher) throws IOException {
    var bash = Spawn.of(Path.of("/bin/bash")).args("--norc", "--noprofile", "--noediting", "-i");
    var window = at(bash.env("PS1", "user> ").env("run", launcher.toString()), launcher);
    return window.expect("user> ");
  }

  private static AtTerminal at(Spawn spawn, Path launcher) throws IOException {
    var pty = Pty.openpty();
    try {
      pty.windowSize(new WindowSize(33, 77));
      var shell =
          spawn
              .env("PATH", System.getenv().getOrDefault("PATH", "/usr/bin:/bin"))
              .env("TERM", "dumb")
              .env("LC_ALL", "C.UTF-8")
              .directory(launcher.toAbsolutePath().getParent())
              .controllingTerminal(pty)
              .start();
      pty.slave().close();
      return new AtTerminal(pty, shell);
    } catch (SystemCallException failure) {
      pty.close();
      throw failure;
    }
  }

  /// Types a text.
  AtTerminal type(String text) throws IOException {
    pty.master().write(text.getBytes(StandardCharsets.UTF_8));
    return this;
  }

  /// Waits until a text is shown after the one that was awaited last.
  AtTerminal expect(String text) throws IOException {
    var until = Instant.now().plus(PATIENCE);
    int at = screen.indexOf(text, seen);
    while (at < 0) {
      read(text, until);
      at = screen.indexOf(text, seen);
    }
    seen = at + text.length();
    return this;
  }

  private void read(String awaited, Instant until) throws IOException {
    var buffer = new byte[4096];
    try {
      pty.master().await(Set.of(PollEvent.IN), Duration.between(Instant.now(), until), awaited);
      int count = pty.master().read(buffer, 0, buffer.length);
      screen.append(new String(buffer, 0, Math.max(count, 0), StandardCharsets.ISO_8859_1));
    } catch (IOException nothing) {
      throw new AssertionError("'" + awaited + "' is not shown, but: " + screen, nothing);
    }
  }

  /// Changes the size of the window.
  AtTerminal resize(int rows, int columns) throws IOException {
    pty.windowSize(new WindowSize(rows, columns));
    return this;
  }

  /// The process of the command.
  long command() {
    return ProcessHandle.of(shell.pid()).orElseThrow().children().findFirst().orElseThrow().pid();
  }

  /// The settings of the terminal, as another program sees them.
  String settings() throws IOException, InterruptedException {
    return Programs.run("stty", "-F", path().toString(), "-g");
  }

  /// Waits until the terminal is in raw mode, so that keys reach the command unchanged.
  AtTerminal awaitRaw() {
    var name = path().toString();
    Eventually.holds(() -> Programs.run("stty", "-F", name, "-a").contains("-icanon"));
    return this;
  }

  /// The name of the terminal outside the sandbox.
  Path path() {
    return pty.path();
  }

  /// All output so far.
  String screen() {
    return screen.toString().replace("\r", "");
  }

  /// Waits for the end of the command, and asserts that the settings of the terminal are restored.
  ///
  /// @return the exit status of the command
  int end() throws IOException {
    expect("finished");
    var settings = SETTINGS.matcher(screen()).results().map(found -> found.group(1)).toList();
    assertThat(settings).as(screen()).hasSize(2);
    assertThat(settings.getLast()).isEqualTo(settings.getFirst());
    var status = Pattern.compile("over=(\\d+)").matcher(screen());
    assertThat(status.find()).as(screen()).isTrue();
    return Integer.parseInt(status.group(1));
  }

  /// Waits for the end of the shell.
  void awaitEnd() throws IOException {
    shell.waitid(PATIENCE);
  }

  /// Closes the terminal, as a user closes its window.
  @Override
  public void close() throws SystemCallException {
    pty.close();
    shell.close();
  }
}
