package dev.caisson.service;

import dev.caisson.linux.Fd;
import dev.caisson.linux.relay.PipeReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;

/// Reads what a service prints, to the last byte, in lines.
final class ServiceOutput {
  /// What can be in a pipe that has ended: `/proc/sys/fs/pipe-max-size`.
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

  /// Takes over the end of the pipe to read from.
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
            // A character has three bytes at most after its first, and is not torn.
            boolean inside = (buffer[i] & 0xc0) == 0x80;
            if (line.size() >= LONGEST_LINE + (inside ? 3 : 0)) {
              finishLine();
            }
            line.write(buffer[i]);
          }
        }
      }
    } catch (IOException | IllegalStateException closed) {
      // Someone else holds the pipe open after the service's end, and was given up on.
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
      // It has not heard this line, and shall hear the next: the service is not to die of it.
      Listeners.report(bug);
    }
  }

  /// Waits for the end of the output, as long as it comes.
  void await(Duration patience) throws InterruptedException {
    reader.join(patience);
  }

  /// Waits for the end of the output; one that does not come in time (a process left behind may
  /// hold the pipe, and print for ever) is forced when what is in the pipe has been heard.
  ///
  /// @param slowListener how long the listener may take for that
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
