package dev.caisson.host;

import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Set;

/// Reads what a service prints, to the last byte, in lines.
final class ServiceOutput {
  private static final Duration FOREVER = Duration.ofDays(365);
  private static final int KEPT = 20;
  private static final int LONGEST_LINE = 64 * 1024;

  private final String id;
  private final String program;
  private final OutputListener listener;
  private final Fd pipe;
  private final ArrayDeque<String> last = new ArrayDeque<>();
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();
  private final Thread reader;

  /// Takes over the end of the pipe to read from.
  ServiceOutput(String id, String program, OutputListener listener, Fd pipe) {
    this.id = id;
    this.program = program;
    this.listener = listener;
    this.pipe = pipe;
    this.reader = Thread.ofVirtual().name("output-" + id).start(this::read);
  }

  private void read() {
    var buffer = new byte[8192];
    try (pipe) {
      while (true) {
        pipe.await(Set.of(PollEvent.IN), FOREVER, "output");
        int count = pipe.read(buffer, 0, buffer.length);
        if (count < 0) {
          break;
        }
        for (int i = 0; i < count; i++) {
          if (buffer[i] == '\n') {
            finishLine();
          } else {
            line.write(buffer[i]);
            if (line.size() >= LONGEST_LINE) {
              finishLine();
            }
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
    listener.line(id, program, text);
  }

  /// Waits for the end of the output; one that does not come in time (a process left behind may
  /// hold the pipe) is forced.
  void finish(Duration patience) throws InterruptedException {
    if (!reader.join(patience)) {
      pipe.close();
      reader.join(Duration.ofSeconds(5));
    }
  }

  /// The last lines, oldest first.
  List<String> lastLines() {
    synchronized (last) {
      return List.copyOf(last);
    }
  }
}
