package dev.caisson.linux.relay;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.io.InterruptedIOException;

/// Moves and copies bytes between descriptors inside the kernel, without blocking on a pipe.
final class Splice {
  /// The input is empty or the output is full: the caller must await one of the ends.
  static final long AGAIN = -1;

  private static final int SPLICE_F_NONBLOCK = 2;

  private Splice() {}

  /// Moves bytes from or to a pipe. See `splice(2)`.
  ///
  /// @return the number of bytes; 0 at the end of the input, or [#AGAIN]
  static long splice(Fd from, Fd to, int length)
      throws SystemCallException, InterruptedIOException {
    return call(SystemCall.SPLICE, from, 0, to, length);
  }

  /// Copies bytes at an offset of a file to a pipe. Does not use or change the file's position.
  ///
  /// @return the number of bytes; 0 at the end of the file, or [#AGAIN]
  static long splice(Fd from, long offset, Fd to, int length)
      throws SystemCallException, InterruptedIOException {
    try (var frame = new Frame()) {
      var position = frame.allocate(JAVA_LONG);
      position.set(JAVA_LONG, 0, offset);
      return call(SystemCall.SPLICE, from, position.address(), to, length);
    }
  }

  /// Copies bytes from one pipe to another. See `tee(2)`.
  ///
  /// @return the number of bytes; 0 at the end of the input, or [#AGAIN]
  static long tee(Fd from, Fd to, int length) throws SystemCallException, InterruptedIOException {
    checkInterrupt(from, to);
    int source = from.enter();
    try {
      int target = to.enter();
      try (var frame = new Frame()) {
        return result(
            frame.call(SystemCall.TEE, source, target, length, SPLICE_F_NONBLOCK),
            SystemCall.TEE,
            from,
            to);
      } finally {
        to.exit();
      }
    } finally {
      from.exit();
    }
  }

  private static long call(SystemCall call, Fd from, long position, Fd to, int length)
      throws SystemCallException, InterruptedIOException {
    checkInterrupt(from, to);
    int source = from.enter();
    try {
      int target = to.enter();
      try (var frame = new Frame()) {
        return result(
            frame.call(call, source, position, target, 0, length, SPLICE_F_NONBLOCK),
            call,
            from,
            to);
      } finally {
        to.exit();
      }
    } finally {
      from.exit();
    }
  }

  /// Throws if the thread is interrupted. Called only before a system call: after it, the moved
  /// bytes must be counted.
  private static void checkInterrupt(Fd from, Fd to) throws InterruptedIOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted between " + from + " and " + to);
    }
  }

  private static long result(long result, SystemCall call, Fd from, Fd to)
      throws SystemCallException {
    return result == -Errno.EAGAIN.number()
        ? AGAIN
        : SystemCallException.check(result, call, from, to);
  }
}
