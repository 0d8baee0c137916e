package dev.caisson.linux.tty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Eventually;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;

/// A simulated user at a terminal: reads the screen from a descriptor, and types into another.
final class Screen {
  private static final Duration LONG = Duration.ofSeconds(30);

  private final Fd keys;
  private final ByteArrayOutputStream shown = new ByteArrayOutputStream();
  private final Background<Void> reader;

  private Screen(Fd screen, Fd keys) {
    this.keys = keys;
    this.reader = Background.start(() -> read(screen));
  }

  /// Creates a user at the master of a pty.
  static Screen at(Pty pty) {
    return new Screen(pty.master(), pty.master());
  }

  static Screen of(Fd screen, Fd keys) {
    return new Screen(screen, keys);
  }

  private Void read(Fd screen) throws IOException {
    var buffer = new byte[8192];
    while (true) {
      screen.await(Set.of(PollEvent.IN), LONG, "anything on the screen");
      int count;
      try {
        count = screen.read(buffer, 0, buffer.length);
      } catch (SystemCallException end) {
        assertThat(end.errno()).isEqualTo(Errno.EIO);
        count = -1;
      }
      if (count < 0) {
        return null;
      }
      synchronized (shown) {
        shown.write(buffer, 0, count);
      }
    }
  }

  byte[] bytes() {
    synchronized (shown) {
      return shown.toByteArray();
    }
  }

  String text() {
    return new String(bytes(), StandardCharsets.UTF_8);
  }

  /// Waits until the text is on the screen this many times.
  void await(String text, int times) {
    try {
      Eventually.holds(() -> text().split(java.util.regex.Pattern.quote(text), -1).length > times);
    } catch (AssertionError late) {
      throw new AssertionError("there is no " + text + " in: " + text(), late);
    }
  }

  /// Waits until the text is on the screen.
  void await(String text) {
    await(text, 1);
  }

  /// Waits until the end of the output.
  void awaitEnd() throws Exception {
    reader.get();
  }

  void type(String text) throws IOException {
    keys.write(text.getBytes(StandardCharsets.UTF_8));
  }
}
