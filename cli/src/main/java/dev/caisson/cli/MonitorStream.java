package dev.caisson.cli;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;

/// Where a monitor writes to: the standard output, or a descriptor that the caller of the command
/// has opened, be it a file, a pipe or a socket.
final class MonitorStream {
  private MonitorStream() {}

  static PrintStream open(Terminal terminal, Optional<Integer> fd) throws UsageException {
    if (fd.isEmpty() || fd.get() == 1) {
      return terminal.out();
    }
    try {
      return new PrintStream(new FdStream(Fd.adopt(fd.get())), true, StandardCharsets.UTF_8);
    } catch (SystemCallException notOpen) {
      throw new UsageException("--monitor-fd: the descriptor " + fd.get() + " is not open");
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
      fd.write(Arrays.copyOfRange(bytes, offset, offset + length));
    }
  }
}
