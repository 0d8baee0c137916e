package dev.caisson.cli.service;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Set;

/// Prints the contents of a descriptor that another process has opened. The contents may be
/// endless, and there may never be anything to read.
public final class Contents {
  private static final int MOST = 1 << 20;
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private Contents() {}

  /// Copies at most 1 MiB: of a regular file from its start, of any other descriptor until it ends
  /// or has nothing to read for 1 s.
  ///
  /// @throws DeadlineException if data still arrives at the deadline
  public static void copy(Fd descriptor, PrintStream to, Deadline until) throws IOException {
    boolean file = descriptor.statx().regular();
    var buffer = new byte[64 * 1024];
    int copied = 0;
    while (copied < MOST) {
      if (until.expired()) {
        throw until.exception("the contents of a descriptor to end");
      }
      int wanted = Math.min(buffer.length, MOST - copied);
      int count = read(descriptor, file, buffer, wanted, copied);
      if (count < 0) {
        break;
      }
      to.write(buffer, 0, count);
      copied += count;
    }
    to.flush();
  }

  /// @return the number of bytes; -1 at the end
  private static int read(Fd descriptor, boolean file, byte[] buffer, int wanted, long position)
      throws IOException {
    try {
      if (file) {
        return descriptor.pread(buffer, 0, wanted, position);
      }
      descriptor.await(Set.of(PollEvent.IN), PATIENCE, "something to read");
      return descriptor.read(buffer, 0, wanted);
    } catch (DeadlineException | SystemCallException nothing) {
      // A descriptor that cannot be polled or read has no contents to show.
      return -1;
    }
  }
}
