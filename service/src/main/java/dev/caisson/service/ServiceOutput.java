package dev.caisson.service;

import dev.caisson.linux.Fd;
import dev.caisson.linux.relay.PipeReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;

/// Reads the output of a service line by line, to the last byte.
final class ServiceOutput {
  /// The most bytes that a pipe can hold: the default of `/proc/sys/fs/pipe-max-size`.
  private static final int MOST_IN_A_PIPE = 1 << 20;

  private static final int KEPT = 20;
  private static final int LONGEST_LINE = 64 * 1024;

  private final String id;
  private final String program;
  private final OutputListener listener;
  private final Fd pipe;
  private final PipeReader input;
  private final ArrayDeque<String> last = new ArrayDeque<>();
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();
  private final Thread reader;

  /// Takes over the read end of the pipe.
  ServiceOutput(String id, String program, OutputListener listener, Fd pipe) {
    this.id = id;
    this.program = program;
    this.listener = listener;
    this.pipe = pipe;
    this.input = new PipeReader(pipe);
    this.reader = Thread.ofVirtual().name("output-" + id).start(this::read);
  }

  private void read() {
    var buffer = new byte[8192];
    try (pipe) {
      int late = 0;
      while (late < MOST_IN_A_PIPE) {
        int count = input.read(buffer);
        if (count < 0) {
          break;
        }
        late += input.draining() ? count : 0;
        for (int i = 0; i < count; i++) {
          if (buffer[i] == '\n') {
            finishLine();
          } else {
            // A UTF-8 character has at most three bytes after its first. It is not split.
            boolean inside = (buffer[i] & 0xc0) == 0x80;
            if (line.size() >= LONGEST_LINE + (inside ? 3 : 0)) {
              finishLine();
            }
            line.write(buffer[i]);
          }
        }
      }
    } catch (IOException | IllegalStateException closed) {
      // Another process held the pipe open after the service had ended, and finish() closed it.
    }
    if (line.size() > 0) {
      finishLine();
    }
  }

  private void finishLine() {
    var text = line.toString(StandardCharsets.UTF_8);
    line.reset();
    synchronized (last) {
      last.addLast(text);
      if (last.size() > KEPT) {
        last.removeFirst();
      }
    }
    try {
      listener.line(id, program, text);
    } catch (RuntimeException bug) {
      // Go on with the next line: a fault of the listener must not end the service.
      Listeners.report(bug);
    }
  }

  /// Waits for the end of the output, until the timeout.
  void await(Duration patience) throws InterruptedException {
    reader.join(patience);
  }

  /// Waits for the end of the output. After the timeout it reads what is in the pipe and closes it:
  /// a process that the service left behind may hold the pipe and print for ever.
  ///
  /// @param slowListener how long the listener may take for the rest
  void finish(Duration patience, Duration slowListener) throws InterruptedException {
    if (reader.join(patience)) {
      return;
    }
    input.drain();
    if (!reader.join(slowListener)) {
      pipe.close();
    }
  }

  /// The last lines, oldest first.
  List<String> lastLines() {
    synchronized (last) {
      return List.copyOf(last);
    }
  }
}
