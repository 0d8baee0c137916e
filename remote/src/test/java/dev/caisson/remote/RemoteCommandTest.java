package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Programs that run in a child of a process.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class RemoteCommandTest {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final Map<String, String> PATH = Map.of("PATH", "/usr/bin:/bin");

  @TempDir Path directory;

  private static void assertExited(Exit exit, int status) {
    assertThat(exit)
        .isInstanceOfSatisfying(
            Exit.Exited.class, exited -> assertThat(exited.status()).isEqualTo(status));
  }

  @Test
  void theInputIsWrittenAndBothOutputsAreRead() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      // @start region="run"
      var sorted =
          process.run(
              List.of("sh", "-c", "sort; echo done >&2; exit 3"),
              Map.of("PATH", "/usr/bin:/bin"),
              "b\na\n".getBytes(UTF_8),
              Duration.ofMinutes(1));
      // @end
      assertThat(sorted.output()).isEqualTo("a\nb\n");
      assertThat(sorted.errors()).isEqualTo("done\n");
      assertExited(sorted.exit(), 3);
    }
  }

  @Test
  void longOutputsAndUnreadInputDoNotBlock() throws Exception {
    try (var local = LocalProcess.start()) {
      var script = "head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait";
      var input = new byte[1_000_000];
      var captured = local.process().run(List.of("sh", "-c", script), PATH, input, LONG);
      assertThat(captured.output()).hasSize(3_000_000);
      assertThat(captured.errors()).hasSize(3_000_000);
      assertExited(captured.exit(), 0);
    }
  }

  @Test
  void aProgramRunsInTheNamespacesOfTheProcess() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWUTS))) {
      child.mapToRoot();
      assertThat(child.process().run("id", "-u").output()).isEqualTo("0\n");
      assertThat(child.process().run("readlink", "/proc/self/ns/uts").output())
          .isNotEqualTo(local.process().run("readlink", "/proc/self/ns/uts").output());
    }
  }

  @Test
  void aProgramThatExceedsItsDeadlineIsKilled() throws Exception {
    try (var local = LocalProcess.start()) {
      var command = List.of("sleep", "1000");
      var time = Duration.ofMillis(300);
      assertThatThrownBy(() -> local.process().run(command, PATH, new byte[0], time))
          .isInstanceOf(DeadlineException.class)
          .hasMessageContaining("sleep");
      assertExited(local.process().run("true").exit(), 0);
    }
  }

  @Test
  void aProcessLeftBehindIsNotAwaited() throws Exception {
    try (var local = LocalProcess.start()) {
      var captured = local.process().run("sh", "-c", "sleep 1000 & echo $!");
      var pid = Integer.parseInt(captured.output().strip());
      local.process().kill(pid, Signal.KILL);
      assertExited(captured.exit(), 0);
    }
  }

  @Test
  void aProgramIsLookedUpOnThePath() throws Exception {
    var first = Files.createDirectory(directory.resolve("first"));
    var second = Files.createDirectory(directory.resolve("second"));
    var script = Files.writeString(second.resolve("hello"), "#!/bin/sh\necho hello\n");
    var path = Map.of("PATH", "/no/such:" + script + ":" + first + ":" + second);
    try (var local = LocalProcess.start()) {
      var process = local.process();
      FileCallsTest.assertRefused(
          () -> process.run(List.of("hello"), path, new byte[0], LONG), Errno.EACCES);
      Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
      assertThat(process.run(List.of("hello"), path, new byte[0], LONG).output())
          .isEqualTo("hello\n");
      FileCallsTest.assertRefused(
          () -> process.run(List.of("no-such"), path, new byte[0], LONG), Errno.ENOENT);
      assertThat(process.run(script.toString()).output()).isEqualTo("hello\n");
    }
  }

  @Test
  void allBytesAreRead() throws Exception {
    var bytes = new byte[200_000];
    bytes[bytes.length - 1] = 1;
    var path = Files.write(directory.resolve("file"), bytes);
    try (var local = LocalProcess.start();
        var file = local.process().openat(path)) {
      assertThat(local.process().readAllBytes(file)).isEqualTo(bytes);
      assertThat(local.process().readAllBytes(file)).isEmpty();
    }
  }

  @Test
  void aProgramHasAPseudoTerminal() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pty = process.openpty();
      try (var master = pty.getFirst();
          var slave = pty.getLast();
          var child = process.fork()) {
        child.setsid();
        var mine = child.inherited(slave);
        child.tiocsctty(mine);
        for (int number = 0; number < 3; number++) {
          child.dup2(mine, number);
        }
        child.execvp("tty", List.of("tty"), PATH);
        assertExited(child.waitid(LONG), 0);
        assertThat(new String(process.read(master, 100), UTF_8)).startsWith("/dev/pts/");
      }
    }
  }

  @Test
  void workingDirectoriesAreReported() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      child.chdir(directory);
      assertThat(child.getcwd()).isEqualTo(directory.toRealPath());
      Files.delete(directory);
      FileCallsTest.assertRefused(child::getcwd, Errno.ENOENT);
      Files.createDirectory(directory);
    }
  }

  @Test
  void theOutputOfAProcessThatIsLeftBehindIsNotWaitedFor() throws Exception {
    try (var local = LocalProcess.start()) {
      // It ends by SIGPIPE, when its output is not read any more. It prints slowly, because more
      // than
      // 16 MiB before the end of the command would be an error.
      var script = "(while echo more; do sleep 0.01; done) & exit 3";
      var captured = local.process().run(List.of("sh", "-c", script), PATH, new byte[0], LONG);
      assertExited(captured.exit(), 3);
    }
  }

  @Test
  void tooMuchOutputIsAnError() throws Exception {
    try (var local = LocalProcess.start()) {
      assertThatThrownBy(() -> local.process().run("head", "-c", "17000000", "/dev/zero"))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("head printed more than 16 MiB");
      assertExited(local.process().run("true").exit(), 0);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "1", "2", "01", "12", "02", "012"})
  void aProcessWithoutStandardStreamsRunsPrograms(String closed) throws Exception {
    try (var local = LocalProcess.start();
        var bare = local.process().fork()) {
      for (var number : closed.chars().map(digit -> digit - '0').toArray()) {
        bare.process().inherited(number).close();
      }
      var captured =
          bare.process()
              .run(List.of("sh", "-c", "cat; echo errors >&2"), PATH, "in".getBytes(UTF_8), LONG);
      assertThat(captured.output()).isEqualTo("in");
      assertThat(captured.errors()).isEqualTo("errors\n");
    }
  }

  @Test
  void aDescriptorIsPassedOnUnderTheNumberThatItHas() throws Exception {
    var path = Files.writeString(directory.resolve("file"), "contents");
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      var file = child.openat(path);
      child.dup2(file, file.number());
      int status = file.number();
      child.execvp("sh", List.of("sh", "-c", "grep contents <&" + status), PATH);
      assertExited(child.waitid(LONG), 0);
    }
  }

  @Test
  void theConnectionOfAStubIsNotReplaced() throws Exception {
    var path = Files.writeString(directory.resolve("file"), "contents");
    try (var local = LocalProcess.start();
        var file = local.process().openat(path)) {
      int refused = 0;
      for (int number = 3; number < 16; number++) {
        try {
          if (number != file.number()) {
            local.process().dup3(file, number);
            local.process().inherited(number).close();
          }
        } catch (IllegalArgumentException connection) {
          assertThat(connection).hasMessageContaining("the connection of a stub");
          refused++;
        }
      }
      assertThat(refused).isPositive();
      assertExited(local.process().run("true").exit(), 0);
    }
  }

  @Test
  void aProgramWithoutANameIsNotThere() throws Exception {
    try (var local = LocalProcess.start()) {
      FileCallsTest.assertRefused(() -> local.process().run(""), Errno.ENOENT);
    }
  }
}
