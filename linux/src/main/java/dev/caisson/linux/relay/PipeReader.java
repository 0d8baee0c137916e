package dev.caisson.linux.relay;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;

/// Reads the output of processes from a pipe, until its end or until the pipe is
/// [drained][#drain()]: an orphan can hold the pipe open for ever.
///
/// One thread reads. Any thread may call [#drain()].
public final class PipeReader {
  /// The interval at which a wait checks whether the pipe is drained.
  private static final Duration LOOK = Duration.ofMillis(250);

  private final Fd pipe;
  private volatile boolean draining;

  /// Creates a reader.
  ///
  /// @param pipe the read end; the caller keeps ownership
  public PipeReader(Fd pipe) {
    this.pipe = pipe;
  }

  /// Reads the next bytes. Blocks until the pipe has some.
  ///
  /// @return the number of bytes; -1 at the end of the pipe, or when it is drained and empty
  /// @throws IOException if the pipe cannot be read, or is closed meanwhile
  public int read(byte[] buffer) throws IOException {
    while (true) {
      try {
        pipe.await(Set.of(PollEvent.IN), LOOK, "output");
        return pipe.read(buffer, 0, buffer.length);
      } catch (DeadlineException quiet) {
        if (draining) {
          return -1;
        }
      }
    }
  }

  /// Makes [#read] return the bytes in the pipe, and then -1 instead of waiting for more.
  /// Idempotent.
  public void drain() {
    draining = true;
  }

  /// Whether the pipe is being drained.
  public boolean draining() {
    return draining;
  }
}
