package dev.caisson.linux.tty;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Errno;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.testkit.NoLeaks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
@Timeout(120)
class PtyTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @Test
  void bothEndsAreCloexecAndThePathNamesTheSlave() throws Exception {
    try (var pty = Pty.openpty()) {
      assertThat(Descriptors.cloexec(pty.master())).isTrue();
      assertThat(Descriptors.cloexec(pty.slave())).isTrue();
      var slave = Path.of("/proc/self/fd/" + pty.slave().number());
      assertThat(Files.readSymbolicLink(slave)).isEqualTo(pty.path());
    }
  }

  @Test
  void typedKeysAreEchoedAndRead() throws Exception {
    try (var pty = Pty.openpty()) {
      pty.master().write("hello\n".getBytes(UTF_8));
      assertThat(Descriptors.line(pty.slave())).isEqualTo("hello");
      assertThat(Descriptors.line(pty.master())).isEqualTo("hello\r");
      pty.slave().write("answer\n".getBytes(UTF_8));
      assertThat(Descriptors.line(pty.master())).isEqualTo("answer\r");
    }
  }

  @Test
  void theMasterReadsAllBytesAndThenTheEndAfterTheSlaveIsClosed() throws Exception {
    try (var pty = Pty.openpty()) {
      pty.slave().write("last words\n".getBytes(UTF_8));
      pty.slave().close();
      assertThat(Descriptors.line(pty.master())).isEqualTo("last words\r");
      pty.master().await(Set.of(PollEvent.IN), LONG, "the end");
      assertThatThrownBy(() -> pty.master().read(new byte[1], 0, 1))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO));
    }
  }

  @Test
  void aWindowGetsTheGivenSize() throws Exception {
    try (var pty = Pty.openpty()) {
      var terminal = Terminal.of(pty.slave());
      assertThat(terminal.windowSize()).isEqualTo(new WindowSize(0, 0));
      var size = new WindowSize(50, 65535, 1000, 2);
      pty.windowSize(size);
      assertThat(terminal.windowSize()).isEqualTo(size);
    }
  }

  @Test
  void aSizeAbove65535IsRefused() {
    assertThatThrownBy(() -> new WindowSize(-1, 80)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new WindowSize(25, 65536))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("65536");
  }
}
