package dev.caisson.cli.build;

import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.UsageException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The output of a monitor: the standard output, or a descriptor that the caller of the command has
/// opened: a file, a pipe or a socket.
///
/// A write blocks until its reader has room for it. After a failed write, all others are dropped.
public final class MonitorStream {
  private final OutputStream to;
  private volatile @Nullable String failure;

  private MonitorStream(OutputStream to) {
    this.to = to;
  }

  public static MonitorStream open(Console terminal, Optional<Integer> fd) throws UsageException {
    if (isStandard(fd)) {
      terminal.out().flush();
      return new MonitorStream(terminal.direct());
    }
    try {
      return new MonitorStream(new FdStream(Fd.adopt(fd.orElseThrow())));
    } catch (SystemCallException notOpen) {
      throw new UsageException("--monitor-fd: the descriptor " + fd.orElseThrow() + " is not open");
    }
  }

  /// Whether a monitor with this option writes to the standard output.
  public static boolean isStandard(Optional<Integer> fd) {
    return fd.isEmpty() || fd.get() == 1;
  }

  /// Writes a text and flushes it.
  public void write(String text) {
    if (failure != null) {
      return;
    }
    try {
      to.write(text.getBytes(StandardCharsets.UTF_8));
      to.flush();
    } catch (IOException unwritten) {
      failure = String.valueOf(unwritten.getMessage());
    }
  }

  /// Throws if a write has failed, because the reader has missed output.
  public void check() throws IOException {
    if (failure != null) {
      throw new IOException("the output of the monitor cannot be written: " + failure);
    }
  }

  private static final class FdStream extends OutputStream {
    private final Fd fd;

    FdStream(Fd fd) {
      this.fd = fd;
    }

    @Override
    public void write(int value) throws IOException {
      fd.write(new byte[] {(byte) value});
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      fd.write(bytes, offset, length);
    }
  }
}
