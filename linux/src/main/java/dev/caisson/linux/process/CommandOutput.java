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

/// The exit and the output of a command.
///
/// @param exit the exit of the process
/// @param output its standard output, the first 16 MiB at most
/// @param errors its standard error, the first 16 MiB at most
public record CommandOutput(Exit exit, String output, String errors) {
  private static final int LIMIT = 16 << 20;

  /// Starts a process with empty standard input and waits for its end.
  ///
  /// See [#run(Spawn, SpawnThread, Duration)].
  public static CommandOutput run(Spawn spawn, Duration deadline) throws IOException {
    return run(spawn, SpawnThread.shared(), deadline);
  }

  /// Starts a process with empty standard input and waits for its end.
  ///
  /// @param spawn the process; this method sets its standard streams and process group
  /// @param thread starts the process
  /// @throws dev.caisson.linux.DeadlineException if the process does not end in time; it is killed
  ///   with its process group then
  /// @throws java.io.InterruptedIOException if the thread is interrupted; the process is killed
  ///   with its process group then
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

  /// Reads a pipe until its end, on its own thread.
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
        // The caller's deadline ends, too, or the caller has closed the pipe.
      }
    }

    /// Returns the bytes read so far as text. Waits a second at most for the end of the pipe,
    /// because an orphan of the command may hold the pipe open.
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
