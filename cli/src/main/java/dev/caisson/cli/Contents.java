package dev.caisson.cli;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Set;

/// Prints what can be read from a descriptor that somebody else has opened: it may have no end, and
/// nothing to read at all.
final class Contents {
  private static final int MOST = 1 << 20;
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private Contents() {}

  /// Copies from the start of a file, or what is there of anything else, 1 MiB at most.
  static void copy(Fd descriptor, PrintStream to) throws IOException {
    boolean file = descriptor.statx().regular();
    var buffer = new byte[64 * 1024];
    int copied = 0;
    try {
      while (copied < MOST) {
        int wanted = Math.min(buffer.length, MOST - copied);
        if (!file) {
          descriptor.await(Set.of(PollEvent.IN), PATIENCE, "something to read");
        }
        int count =
            file ? descriptor.pread(buffer, 0, wanted, copied) : descriptor.read(buffer, 0, wanted);
        if (count < 0) {
          break;
        }
        to.write(buffer, 0, count);
        copied += count;
      }
    } catch (DeadlineException | SystemCallException nothing) {
      // What cannot be waited for, or read, has no contents to be shown.
    }
    to.flush();
  }
}
