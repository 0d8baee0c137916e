package dev.caisson.linux.tty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Spawn;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Timeout(120)
class TerminalTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  /// Returns the settings of a terminal as reported by stty.
  static String settings(Pty pty) throws Exception {
    return Programs.run("stty", "-F", pty.path().toString(), "-g");
  }

  @Test
  void pipesFilesAndTheNullDeviceAreNotTerminals() throws Exception {
    try (var pipe = Pipe.pipe2();
        var file = Memfd.memfdCreate("m");
        var nothing = Fd.nullDevice();
        var pty = Pty.openpty()) {
      assertThat(Terminal.of(pipe.read()).isatty()).isFalse();
      assertThat(Terminal.of(file).isatty()).isFalse();
      assertThat(Terminal.of(nothing).isatty()).isFalse();
      assertThat(Terminal.of(pty.slave()).isatty()).isTrue();
      assertThatThrownBy(() -> Terminal.of(nothing).windowSize())
          .hasMessageStartingWith("ioctl(" + nothing.number() + ", TIOCGWINSZ): ENOTTY");
      assertThatThrownBy(() -> Terminal.of(nothing).raw())
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOTTY));
    }
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void rawModeMatchesTheCLibrarys() throws Exception {
    var source =
        """
        #include <fcntl.h>
        #include <termios.h>
        int main(int argc, char **argv) {
          struct termios mode;
          int fd = open(argv[1], O_RDWR | O_NOCTTY);
          if (tcgetattr(fd, &mode)) return 1;
          cfmakeraw(&mode);
          return tcsetattr(fd, TCSANOW, &mode);
        }
        """;
    var file = Files.writeString(directory.resolve("raw.c"), source);
    var program = directory.resolve("raw").toString();
    Programs.run("gcc", "-o", program, file.toString());
    try (var pty = Pty.openpty();
        var other = Pty.openpty()) {
      for (var path : List.of(pty.path().toString(), other.path().toString())) {
        Programs.run(
            "stty", "-F", path, "inlcr", "igncr", "istrip", "parmrk", "echonl", "min", "7");
      }
      Programs.run(program, other.path().toString());
      try (var raw = Terminal.of(pty.slave()).raw()) {
        assertThat(raw).isNotNull();
        assertThat(settings(pty)).isEqualTo(settings(other));
      }
    }
  }

  @Test
  void closingRawModeTwiceRestoresOnce() throws Exception {
    try (var pty = Pty.openpty()) {
      var before = settings(pty);
      var raw = Terminal.of(pty.slave()).raw();
      assertThat(settings(pty)).isNotEqualTo(before);
      raw.close();
      assertThat(settings(pty)).isEqualTo(before);
      try (var again = Terminal.of(pty.slave()).raw()) {
        raw.close();
        assertThat(again).isNotNull();
        assertThat(settings(pty)).isNotEqualTo(before);
      }
      assertThat(settings(pty)).isEqualTo(before);
    }
  }

  @Test
  void rawModeIsRenewedAndRestoresTheSettingsFoundThen() throws Exception {
    try (var pty = Pty.openpty()) {
      var raw = Terminal.of(pty.slave()).raw();
      var settings = settings(pty);
      raw.renew();
      assertThat(settings(pty)).isEqualTo(settings);
      Programs.run("stty", "-F", pty.path().toString(), "icanon", "echo", "isig");
      var found = settings(pty);
      raw.renew();
      assertThat(settings(pty)).isEqualTo(settings);
      raw.renew();
      raw.close();
      assertThat(settings(pty)).isEqualTo(found);
      raw.renew();
      assertThat(settings(pty)).isEqualTo(found);
    }
  }

  @Test
  void theKeysFollowTheTerminalsCurrentSettings() throws Exception {
    byte suspend = 0x1a;
    byte quote = 0x16;
    try (var pty = Pty.openpty()) {
      var settings = Termios.tcgets(pty.master());
      assertThat(settings.suspends(suspend)).isTrue();
      assertThat(settings.suspends(quote)).isFalse();
      assertThat(settings.quotes(quote)).isTrue();
      assertThat(settings.isRaw()).isFalse();
      var terminal = pty.path().toString();
      Programs.run("stty", "-F", terminal, "susp", "^V", "lnext", "undef");
      settings = Termios.tcgets(pty.master());
      assertThat(settings.suspends(quote)).isTrue();
      assertThat(settings.suspends(suspend)).isFalse();
      assertThat(settings.quotes(quote)).isFalse();
      assertThat(settings.quotes((byte) 0)).isFalse();
      Programs.run("stty", "-F", terminal, "-isig", "-icanon", "lnext", "^V");
      settings = Termios.tcgets(pty.master());
      assertThat(settings.suspends(quote)).isFalse();
      assertThat(settings.quotes(quote)).isFalse();
    }
  }

  @Test
  void aProcessIsNeverInTheBackgroundOfAnotherTerminal() throws Exception {
    try (var pty = Pty.openpty();
        var nothing = Fd.nullDevice()) {
      for (var fd : List.of(pty.slave(), nothing)) {
        assertThat(Terminal.of(fd).tcgetpgrp()).isEmpty();
        assertThat(Terminal.of(fd).isInBackground()).isFalse();
      }
    }
  }

  @Test
  void rawModeEndsEvenIfTheDescriptorWasClosed() throws Exception {
    try (var pty = Pty.openpty()) {
      var before = settings(pty);
      try (var raw = Terminal.of(pty.slave()).raw()) {
        pty.slave().close();
        assertThat(raw).isNotNull();
      }
      assertThat(settings(pty)).isEqualTo(before);
    }
  }

  @Test
  void rawModeEndsWithTheJvm() throws Exception {
    var command = Programs.java(RawTerminal.class);
    try (var pty = Pty.openpty()) {
      var before = settings(pty);
      try (var child =
          Spawn.of(Path.of(command.getFirst()))
              .args(command.subList(1, command.size()))
              .controllingTerminal(pty)
              .start()) {
        var screen = Screen.at(pty);
        screen.await("raw\n");
        assertThat(settings(pty)).isNotEqualTo(before);
        child.kill(Signal.TERM);
        assertThat(child.waitid(LONG)).isInstanceOf(Exit.Exited.class);
        assertThat(settings(pty)).isEqualTo(before);
        pty.slave().close();
        screen.awaitEnd();
      }
    }
  }
}
