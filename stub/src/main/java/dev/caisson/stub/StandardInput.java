package dev.caisson.stub;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.RemoteFd;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.uapi.Whence;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// Reads the standard input of a stub to its end, and gives the stub a copy to read, in memory.
final class StandardInput {
  /// The longest input that is read.
  static final int MOST = 16 << 20;

  private static final int PIECE = 64 * 1024;
  private static final long TCGETS = 0x5401;
  private static final int TERMIOS = 64;

  private StandardInput() {}

  /// Reads the standard input.
  ///
  /// @return empty if it is closed, or a terminal, which has no end
  /// @throws IOException if it cannot be read, or has more than 16 MiB
  static Optional<byte[]> read(RemoteProcess process) throws IOException {
    var input = process.inherited(0);
    if (isTerminal(process, input)) {
      return Optional.empty();
    }
    byte[] bytes;
    try {
      bytes = readAll(process, input);
    } catch (SystemCallException closed) {
      if (closed.errno() == Errno.EBADF) {
        return Optional.empty();
      }
      throw closed;
    }
    try (var copy = process.memfdCreate("caisson-stdin")) {
      for (int done = 0; done < bytes.length; ) {
        int most = Math.min(bytes.length, done + PIECE);
        done += (int) process.write(copy, Arrays.copyOfRange(bytes, done, most));
      }
      var _ = process.lseek(copy, 0, Whence.SET);
      process.dup3(copy, 0);
    }
    return Optional.of(bytes);
  }

  private static boolean isTerminal(RemoteProcess process, RemoteFd input) throws IOException {
    var termios = MemorySegment.ofArray(new long[TERMIOS / 8]);
    return process.call(SystemCall.IOCTL).fd(input).word(TCGETS).out(termios).result() == 0;
  }

  private static byte[] readAll(RemoteProcess process, RemoteFd input) throws IOException {
    var all = new ByteArrayOutputStream();
    // The writer may take any time.
    var patient = process.within(Deadline.FOREVER);
    while (all.size() <= MOST) {
      try {
        var piece = patient.read(input, PIECE);
        if (piece.length == 0) {
          return all.toByteArray();
        }
        all.writeBytes(piece);
      } catch (SystemCallException empty) {
        if (empty.errno() != Errno.EAGAIN) {
          throw empty;
        }
        pause();
      }
    }
    throw new IOException("the standard input of a stub has more than %d bytes".formatted(MOST));
  }

  private static void pause() throws InterruptedIOException {
    try {
      TimeUnit.MILLISECONDS.sleep(2);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while reading the input of a stub");
    }
  }
}
