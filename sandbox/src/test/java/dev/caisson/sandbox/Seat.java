package dev.caisson.sandbox;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.tty.Pty;
import dev.caisson.linux.tty.WindowSize;
import dev.caisson.testkit.Background;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;

/// A user at a terminal: runs a command there, reads the screen, and types.
final class Seat implements AutoCloseable {
  private static final Duration SILENCE = Support.LONG.multipliedBy(2);

  private final Pty pty;
  private final ByteArrayOutputStream shown = new ByteArrayOutputStream();
  private final Background<Boolean> reader;

  private Seat(Pty pty) {
    this.pty = pty;
    this.reader = Background.startPlatform(this::read);
  }

  static Seat take() throws SystemCallException {
    var pty = Pty.openpty();
    try {
      pty.windowSize(new WindowSize(24, 80));
      return new Seat(pty);
    } catch (SystemCallException failure) {
      pty.close();
      throw failure;
    }
  }

  /// Gives the run this terminal.
  Run at(Run run) {
    return run.terminal(pty.slave(), pty.slave());
  }

  /// Runs the command to its end, and returns the screen, with the line ends of a file. Call it
  /// once.
  RunResult run(BuildRoot buildRoot, Run run) throws IOException {
    var result = buildRoot.run(at(run));
    var shown = new String(shown(), ISO_8859_1);
    assertThat(new String(Support.bytes(result.output()), ISO_8859_1))
        .as("what is kept of what is shown")
        .hasSizeLessThanOrEqualTo(4096)
        .satisfies(kept -> assertThat(shown).endsWith(kept));
    var text = shown.replace("\r\n", "\n");
    return new RunResult(
        result.ending(),
        ISO_8859_1.encode(text),
        result.errors(),
        result.outputBytes(),
        result.usage(),
        result.enforced(),
        result.command());
  }

  /// The number of the user's terminal, which the command must not get.
  String number() {
    return pty.path().getFileName().toString();
  }

  /// The settings of the user's terminal.
  String settings() throws IOException {
    return Support.program("/usr/bin/stty", "-g", "-F", pty.path().toString());
  }

  private boolean read() throws IOException {
    var buffer = new byte[8192];
    while (true) {
      pty.master().await(Set.of(PollEvent.IN), SILENCE, "anything on the screen");
      try {
        int count = pty.master().read(buffer, 0, buffer.length);
        synchronized (shown) {
          shown.write(buffer, 0, count);
          shown.notifyAll();
        }
      } catch (SystemCallException end) {
        if (end.errno() == Errno.EIO) {
          return true;
        }
        throw end;
      }
    }
  }

  void type(String keys) throws IOException {
    pty.master().write(keys.getBytes(UTF_8));
  }

  /// Waits until this is on the screen.
  void await(String text) throws InterruptedException {
    long until = System.nanoTime() + Support.LONG.toNanos();
    synchronized (shown) {
      while (!shown.toString(UTF_8).contains(text)) {
        long left = (until - System.nanoTime()) / 1_000_000;
        if (left <= 0) {
          throw new AssertionError("there is no " + text + " in: " + shown);
        }
        shown.wait(left);
      }
    }
  }

  /// The whole screen, after the end of the output.
  private byte[] shown() throws IOException {
    pty.slave().close();
    boolean interrupted = Thread.interrupted();
    try {
      reader.get();
    } catch (IOException failure) {
      throw failure;
    } catch (Exception failure) {
      throw new IOException("the screen cannot be read", failure);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    return shown.toByteArray();
  }

  /// Leaves the terminal.
  @Override
  public void close() throws IOException {
    shown();
    pty.close();
  }
}
