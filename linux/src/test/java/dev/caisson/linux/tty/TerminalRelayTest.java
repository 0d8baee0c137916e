package dev.caisson.linux.tty;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Spawn;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A user at a terminal, or a program with pipes, works on a pseudo-terminal.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early and twice on purpose
class TerminalRelayTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Duration NONE = Duration.ZERO;

  @TempDir Path directory;

  private static Spawn program(String... command) {
    return Spawn.of(Path.of(command[0]))
        .args(java.util.List.of(command).subList(1, command.length))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("TERM", "dumb")
        .env("PS1", "prompt> ");
  }

  private static Spawn shell(String script) {
    return program("/bin/bash", "-c", script);
  }

  /// Runs a process on a relayed terminal, to its end.
  private static Exit run(Fd input, Fd output, Spawn spawn) throws IOException {
    return run(TerminalRelay.of(input, output), spawn);
  }

  private static Exit run(TerminalRelay made, Spawn spawn) throws IOException {
    try (var relay = made;
        var child = spawn.controllingTerminal(relay.pty()).start()) {
      relay.start();
      var exit = child.waitid(LONG);
      relay.finish(LONG);
      return exit;
    }
  }

  /// Waits until a program that a shell has started is in the foreground.
  private static void awaitForeground(TerminalRelay relay, String program) {
    ControllingTerminalTest.awaitProgram(relay.pty(), "[^ ]+[+].*" + program);
  }

  private static int status(Exit exit) {
    return ((Exit.Exited) exit).status();
  }

  /// A file for output, and its contents.
  private final class Output implements AutoCloseable {
    private final Path path = directory.resolve("output");
    final Fd fd =
        Fd.open(path, java.util.Set.of(OpenFlag.WRONLY, OpenFlag.CREAT, OpenFlag.APPEND), 0600);

    Output() throws IOException {}

    String text() throws IOException {
      return Files.readString(path);
    }

    @Override
    public void close() {
      fd.close();
    }
  }

  @Test
  void theExampleOfTheDocumentation() throws Exception {
    try (var input = Fd.nullDevice();
        var output = new Output()) {
      assertThat(status(onATerminal(input, output.fd, program("/bin/sh", "-c", "tty; exit 3"))))
          .isEqualTo(3);
      assertThat(output.text()).startsWith("/dev/pts/");
    }
  }

  // @start region="relay"
  static Exit onATerminal(Fd input, Fd output, Spawn spawn) throws IOException {
    try (var relay = TerminalRelay.of(input, output);
        var child = spawn.controllingTerminal(relay.pty()).start()) {
      relay.start();
      var exit = child.waitid(Duration.ofHours(8));
      relay.finish(Duration.ofSeconds(10));
      return exit;
    }
  }

  // @end

  @Test
  void aUserAtATerminalWorksOnThePseudoTerminal() throws Exception {
    try (var user = Pty.openpty()) {
      user.windowSize(new WindowSize(33, 77));
      var before = TerminalTest.settings(user);
      var screen = Screen.at(user);
      var relay = TerminalRelay.of(user.slave(), user.slave());
      var bash = program("/bin/bash", "--norc", "--noprofile", "-i");
      var running = Background.start(() -> run(relay, bash));
      screen.await("prompt> ");
      assertThat(TerminalTest.settings(user)).isNotEqualTo(before);
      screen.type("stty size; tty\n");
      screen.await("33 77\r\n/dev/pts/");
      assertThat(screen.text()).doesNotContain(user.path() + "\r\n");
      screen.type("sleep 1000\n");
      awaitForeground(relay, "sleep");
      screen.type("\u0003");
      screen.await("prompt> ", 3);
      screen.type("exit 7\n");
      assertThat(status(running.get())).isEqualTo(7);
      assertThat(TerminalTest.settings(user)).isEqualTo(before);
      user.slave().close();
      screen.awaitEnd();
    }
  }

  @Test
  void aChangeOfTheWindowSizeArrives() throws Exception {
    try (var user = Pty.openpty()) {
      user.windowSize(new WindowSize(33, 77));
      var screen = Screen.at(user);
      var script =
          "trap 'stty size; kill $!; exit 5' WINCH; sleep 1000 & stty size; echo ready; wait";
      var running = Background.start(() -> run(user.slave(), user.slave(), shell(script)));
      screen.await("33 77\r\nready\r\n");
      user.windowSize(new WindowSize(44, 88));
      screen.await("44 88\r\n");
      assertThat(status(running.get())).isEqualTo(5);
      user.slave().close();
      screen.awaitEnd();
    }
  }

  @Test
  void theEndOfTheInputReachesEveryReader() throws Exception {
    try (var input = Pipe.pipe2();
        var output = new Output()) {
      input.write().write("hello\nhalf a line".getBytes(UTF_8));
      input.write().close();
      var exit = run(input.read(), output.fd, shell("cat; echo; cat; cat; echo end; exit 4"));
      assertThat(output.text()).isEqualTo("hello\r\nhalf a line\r\nend\r\n");
      assertThat(status(exit)).isEqualTo(4);
    }
  }

  @Test
  void aShellWithEmptyInputEnds() throws Exception {
    try (var nothing = Fd.nullDevice();
        var output = new Output()) {
      var bash = program("/bin/bash", "--norc", "--noprofile", "-i");
      assertThat(status(run(nothing, output.fd, bash))).isZero();
      assertThat(output.text()).contains("exit");
    }
  }

  @Test
  void inputComesFromAFileAndHasNoEcho() throws Exception {
    var script = Files.writeString(directory.resolve("script"), "echo one\nstty size\nexit 9\n");
    try (var input = Fd.open(script);
        var output = new Output()) {
      assertThat(status(run(input, output.fd, program("/bin/sh")))).isEqualTo(9);
      assertThat(output.text()).isEqualTo("prompt> one\r\nprompt> 0 0\r\nprompt> ");
    }
  }

  @Test
  void aLargeOutputArrivesCompletely() throws Exception {
    int lines = 10 << 20 >> 4;
    var script = "yes 123456789abcdef | head -n " + lines + "; echo last";
    try (var nothing = Fd.nullDevice();
        var output = new Output()) {
      run(nothing, output.fd, shell(script));
      var text = output.text();
      assertThat(text).hasSize(lines * 17 + 6).endsWith("def\r\nlast\r\n");
      assertThat(text.replace("123456789abcdef\r\n", "")).isEqualTo("last\r\n");
    }
  }

  @Test
  void theEndOfTheOutputIsKept() throws Exception {
    try (var nothing = Fd.nullDevice();
        var output = new Output()) {
      for (int shown : new int[] {0, 1, 4095, 4096, 4097, 100_000}) {
        var relay = TerminalRelay.of(nothing, output.fd);
        run(relay, shell("stty -opost; seq -s '' 50000 | head -c " + shown));
        var text = output.text();
        assertThat(new String(relay.tail(), UTF_8))
            .hasSize(Math.min(shown, 4096))
            .isEqualTo(text.substring(text.length() - Math.min(shown, 4096)));
      }
    }
  }

  @Test
  void aLargeOutputArrivesOnATerminalAndInAPipe() throws Exception {
    var script = "stty -opost; yes 123456789abcdef | head -c 2000000";
    try (var user = Pty.openpty();
        var pipe = Pipe.pipe2();
        var nothing = Fd.nullDevice()) {
      var screen = Screen.at(user);
      run(user.slave(), user.slave(), shell(script));
      user.slave().close();
      screen.awaitEnd();
      assertThat(screen.bytes()).hasSize(2_000_000);
      var reader = Screen.of(pipe.read(), pipe.read());
      run(nothing, pipe.write(), shell(script));
      pipe.write().close();
      reader.awaitEnd();
      assertThat(reader.bytes()).isEqualTo(screen.bytes());
    }
  }

  @Test
  void aLargeInputReachesASlowReader() throws Exception {
    var line = "123456789abcdef\n";
    var data = line.repeat(1 << 16).getBytes(UTF_8);
    try (var input = Memfd.sealed("input", data);
        var output = new Output()) {
      // The program reads in small pieces, so the terminal is full nearly all the time.
      run(input, output.fd, shell("dd ibs=100 obs=64k status=none | cksum"));
      try (var expected = Memfd.sealed("input", data);
          var plain = Pipe.pipe2();
          var child =
              program("/usr/bin/cksum")
                  .descriptor(0, expected)
                  .descriptor(1, plain.write())
                  .start()) {
        assertThat(output.text().strip()).isEqualTo(Descriptors.line(plain.read()));
        assertThat(child.waitid(LONG).success()).isTrue();
      }
    }
  }

  @Test
  void aPeerThatDoesNotReadDoesNotBlockVirtualThreads() throws Exception {
    try (var user = Pty.openpty();
        var other = Pty.openpty();
        var pipe = Pipe.pipe2();
        var first = TerminalRelay.of(user.slave(), user.slave());
        var second = TerminalRelay.of(user.slave(), pipe.write());
        // This terminal is not raw, so the kernel processes the output.
        var third = TerminalRelay.of(pipe.read(), other.slave());
        var yes = program("/usr/bin/yes").controllingTerminal(first.pty()).start();
        var more = program("/usr/bin/yes").controllingTerminal(second.pty()).start();
        var most = program("/usr/bin/yes").controllingTerminal(third.pty()).start()) {
      var relays = java.util.List.of(first, second, third);
      first.start();
      second.start();
      third.start();
      for (var child : java.util.List.of(yes, more, most)) {
        awaitBlocked(child);
      }
      Eventually.holds(TerminalRelayTest::noThreadWrites);
      for (var relay : relays) {
        assertThatThrownBy(() -> relay.finish(NONE)).isInstanceOf(DeadlineException.class);
      }
      for (var child : java.util.List.of(yes, more, most)) {
        assertThat(child.waitid(LONG))
            .isInstanceOfSatisfying(
                Exit.Signalled.class, e -> assertThat(e.signal()).isEqualTo(Signal.HUP));
      }
    }
  }

  /// Waits until a process blocks for room in its terminal, and stays blocked: bytes in transit
  /// make room for a while.
  private static void awaitBlocked(Child child) {
    var process = Path.of("/proc/" + child.pid());
    var last = new AtomicReference<>("");
    var quiet = new AtomicInteger();
    Eventually.holds(() -> {
      try {
        var now = sleeping(process);
        if (now.equals(last.getAndSet(now))
            && Files.readString(process.resolve("syscall"))
                .startsWith(SystemCall.WRITE.number() + " 0x1 ")) {
          return quiet.incrementAndGet() == 1000;
        }
        quiet.set(0);
        return false;
      } catch (IOException failure) {
        throw new AssertionError(failure);
      }
    });
  }

  /// Returns the number of context switches of a sleeping process.
  private static String sleeping(Path process) throws IOException {
    try (var lines = Files.lines(process.resolve("status"))) {
      return lines
          .filter(line -> line.startsWith("State:") || line.contains("ctxt_switches:"))
          .collect(Collectors.joining(" "));
    }
  }

  /// Whether no thread of this JVM blocks in a write.
  private static boolean noThreadWrites() {
    try (var tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (var task : tasks) {
        if (Files.readString(task.resolve("syscall")).startsWith(SystemCall.WRITE.number() + " ")) {
          return false;
        }
      }
      return true;
    } catch (IOException ended) {
      return false;
    }
  }

  @Test
  void aClosedOutputHangsUpThePseudoTerminal() throws Exception {
    try (var nothing = Fd.nullDevice();
        var pipe = Pipe.pipe2();
        var relay = TerminalRelay.of(nothing, pipe.write());
        var child = program("/usr/bin/yes").controllingTerminal(relay.pty()).start()) {
      relay.start();
      pipe.read().await(java.util.Set.of(PollEvent.IN), LONG, "output");
      pipe.read().close();
      assertThat(child.waitid(LONG))
          .isInstanceOfSatisfying(
              Exit.Signalled.class, e -> assertThat(e.signal()).isEqualTo(Signal.HUP));
      assertThatThrownBy(() -> relay.finish(LONG))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPIPE));
    }
  }

  @Test
  void finishingDoesNotWaitForOtherProcessesOnTheTerminal() throws Exception {
    try (var nothing = Fd.nullDevice();
        var output = new Output();
        var ready = Pipe.pipe2();
        var left = Pipe.pipe2()) {
      // The second process has its own session, so the end of the first does not hang it up.
      var script = "setsid sh -c 'echo >&5; read line <&3' & read line <&4; echo first; exit 6";
      try (var relay = TerminalRelay.of(nothing, output.fd);
          var child =
              shell(script)
                  .descriptor(3, left.read())
                  .descriptor(4, ready.read())
                  .descriptor(5, ready.write())
                  .controllingTerminal(relay.pty())
                  .start()) {
        relay.start();
        assertThat(status(child.waitid(LONG))).isEqualTo(6);
        relay.finish(LONG);
        assertThat(output.text()).contains("first\r\n");
      }
    }
  }

  @Test
  void closingEndsABusyRelay() throws Exception {
    try (var user = Pty.openpty();
        var zero = Fd.open(Path.of("/dev/zero"));
        var nothing = Fd.nullDevice()) {
      var before = TerminalTest.settings(user);
      var screen = Screen.at(user);
      try (var relay = TerminalRelay.of(user.slave(), user.slave());
          var child = shell("stty raw; echo ready; cat").controllingTerminal(relay.pty()).start()) {
        relay.start();
        screen.await("ready");
        relay.close();
        relay.close();
        assertThat(TerminalTest.settings(user)).isEqualTo(before);
        assertThat(child.waitid(LONG)).isInstanceOf(Exit.class);
      }
      try (var relay = TerminalRelay.of(zero, nothing);
          var child =
              shell("stty raw; cat > /dev/null & yes").controllingTerminal(relay.pty()).start()) {
        relay.start();
        relay.close();
        assertThat(child.waitid(LONG)).isInstanceOf(Exit.class);
      }
      user.slave().close();
      screen.awaitEnd();
    }
  }

  @Test
  void anInterruptEndsTheWaitAndRestoresTheTerminal() throws Exception {
    try (var user = Pty.openpty()) {
      var before = TerminalTest.settings(user);
      var screen = Screen.at(user);
      var running =
          Background.start(() -> {
            assertThatThrownBy(
                    () -> run(user.slave(), user.slave(), shell("echo ready; exec sleep 1000")))
                .isInstanceOf(InterruptedIOException.class);
            return Thread.currentThread().isInterrupted();
          });
      screen.await("ready");
      running.awaitWaiting().interrupt();
      assertThat(running.get()).isTrue();
      assertThat(TerminalTest.settings(user)).isEqualTo(before);
      user.slave().close();
      screen.awaitEnd();
    }
  }

  @Test
  void aRelayThatWasNotStartedChangesNothing() throws Exception {
    try (var user = Pty.openpty()) {
      var before = TerminalTest.settings(user);
      try (var relay = TerminalRelay.of(user.slave(), user.slave())) {
        assertThat(TerminalTest.settings(user)).isEqualTo(before);
        assertThatThrownBy(() -> relay.finish(LONG)).isInstanceOf(IllegalStateException.class);
      }
      assertThat(TerminalTest.settings(user)).isEqualTo(before);
    }
  }

  @Test
  void aClosedDescriptorIsRefused() throws Exception {
    var closed = Fd.nullDevice();
    closed.close();
    try (var nothing = Fd.nullDevice()) {
      assertThatThrownBy(() -> TerminalRelay.of(closed, nothing))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> TerminalRelay.of(nothing, closed))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  @Requires({Need.BUBBLEWRAP, Need.ROOT})
  void aShellInASandboxHasJobControlButNotTheUsersTerminal() throws Exception {
    try (var user = Pty.openpty()) {
      user.windowSize(new WindowSize(25, 80));
      var screen = Screen.at(user);
      var bwrap =
          program(
                  "/usr/bin/env",
                  "bwrap",
                  "--ro-bind",
                  "/",
                  "/",
                  "--dev",
                  "/dev",
                  "--proc",
                  "/proc")
              .args("--unshare-pid", "--unshare-ipc", "--die-with-parent", "--")
              .args("bash", "--norc", "--noprofile", "-i");
      var relay = TerminalRelay.of(user.slave(), user.slave());
      var running = Background.start(() -> run(relay, bwrap));
      screen.await("prompt> ");
      screen.type("tty; stty size; sleep 1000 &\n");
      screen.await("/dev/console\r\n25 80\r\n");
      screen.await("prompt> ", 2);
      screen.type("jobs; kill %1; wait; tail -f /dev/null\n");
      screen.await("Running");
      awaitForeground(relay, "tail");
      screen.type("\u0003");
      screen.await("prompt> ", 3);
      screen.type("exit 8\n");
      assertThat(status(running.get())).isEqualTo(8);
      assertThat(screen.text()).doesNotContain("no job control");
      user.slave().close();
      screen.awaitEnd();
    }
  }
}
