package dev.caisson.linux.relay;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;

/// Reads what processes write into a pipe, until its end or until it is [drained][#drain()]: a
/// process that has been left behind can hold a pipe open for ever.
///
/// One thread reads. [#drain()] may come from any.
public final class PipeReader {
  /// How long a wait goes on without a look at whether it is to end.
  private static final Duration LOOK = Duration.ofMillis(250);

  private final Fd pipe;
  private volatile boolean draining;

  /// Makes a reader.
  ///
  /// @param pipe the end to read from, which stays the caller's
  public PipeReader(Fd pipe) {
    this.pipe = pipe;
  }

  /// Reads the next bytes. Blocks until there are some.
  ///
  /// @return how many; -1 at the end of the pipe, or when it is drained and empty
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

  /// Has it read what is in the pipe, and not wait for more. Idempotent.
  public void drain() {
    draining = true;
  }

  /// Whether it is being drained.
  public boolean draining() {
    return draining;
  }
}
