package dev.caisson.linux.process;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;

/// How a process ended, and what it wrote, for commands that are run for their answer.
///
/// @param exit how it ended
/// @param output its standard output, 16 MiB of it at most
/// @param errors its standard error, likewise
public record CommandOutput(Exit exit, String output, String errors) {
  private static final int LIMIT = 16 << 20;

  /// Starts a process with nothing to read and waits for its end.
  public static CommandOutput run(Spawn spawn, Duration deadline) throws IOException {
    return run(spawn, SpawnThread.shared(), deadline);
  }

  /// Starts a process with nothing to read and waits for its end.
  ///
  /// @param spawn the process; its standard streams are set here
  /// @param thread from which it is started
  /// @throws dev.caisson.linux.DeadlineException if it has not ended in time; it is killed with its
  ///   process group then
  /// @throws java.io.InterruptedIOException if the thread is interrupted; likewise
  public static CommandOutput run(Spawn spawn, SpawnThread thread, Duration deadline)
      throws IOException {
    var until = Deadline.in(deadline);
    try (var output = Pipe.pipe2();
        var errors = Pipe.pipe2();
        var nothing = Fd.nullDevice();
        var child =
            spawn
                .descriptor(0, nothing)
                .descriptor(1, output.write())
                .descriptor(2, errors.write())
                .processGroup(0)
                .startFrom(thread)) {
      output.write().close();
      errors.write().close();
      var answer = new Gathered(output.read(), until);
      var complaints = new Gathered(errors.read(), until);
      var exit = child.waitid(until);
      return new CommandOutput(exit, answer.text(), complaints.text());
    }
  }

  /// What comes out of a pipe until its end, read on a thread of its own.
  private static final class Gathered {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final Thread thread;

    Gathered(Fd pipe, Deadline deadline) {
      thread = Thread.ofVirtual().start(() -> read(pipe, deadline));
    }

    private void read(Fd pipe, Deadline deadline) {
      var buffer = new byte[8192];
      try {
        while (true) {
          pipe.await(Set.of(PollEvent.IN), deadline.remaining(), "the output of a command");
          int count = pipe.read(buffer, 0, buffer.length);
          if (count < 0) {
            return;
          }
          synchronized (bytes) {
            bytes.write(buffer, 0, Math.min(count, LIMIT - bytes.size()));
          }
        }
      } catch (IOException | IllegalStateException given) {
        // The caller has its deadline, too, or has closed the pipe.
      }
    }

    /// A process left behind may hold the pipe open, so the end is not waited for long.
    String text() throws IOException {
      try {
        thread.join(Duration.ofSeconds(1));
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        throw new java.io.InterruptedIOException("interrupted while reading a command's output");
      }
      synchronized (bytes) {
        return bytes.toString(StandardCharsets.UTF_8);
      }
    }
  }
}
