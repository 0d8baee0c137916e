package dev.caisson.linux.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.tty.Terminal;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/// An end of a byte stream, read and written without blocking: a terminal, pipe, socket or file.
///
/// O_NONBLOCK would affect all processes that share the open file, such as the shell that started
/// the JVM. So each call first polls the descriptor, and writes no more than certainly fits.
public final class StreamEnd {
  /// The number of bytes that a writable pipe takes without blocking, PIPE_BUF.
  private static final int PIECE = 4096;

  /// The number of bytes that a writable terminal certainly takes: it checks for room again before
  /// each further byte.
  private static final int TERMINAL_PIECE = 1;

  private static final long POLLFD_FD = Layouts.POLLFD.offset("fd");
  private static final long POLLFD_EVENTS = Layouts.POLLFD.offset("events");

  private final Fd fd;
  private final int piece;
  private final String name;

  private StreamEnd(Fd fd, int piece, String name) {
    this.fd = fd;
    this.piece = piece;
    this.name = name;
  }

  /// Creates an end for a descriptor of any type. The caller keeps ownership.
  ///
  /// @param name the name in messages
  public static StreamEnd of(Fd fd, String name) {
    // A byte at a time is slow: use Terminal.reopen where possible.
    return new StreamEnd(fd, Terminal.of(fd).isatty() ? TERMINAL_PIECE : PIECE, name);
  }

  /// Creates an end for an O_NONBLOCK descriptor, which never blocks. The caller keeps ownership.
  public static StreamEnd nonBlocking(Fd fd, String name) {
    return new StreamEnd(fd, PIECE, name);
  }

  /// Whether the event is pending now, or an error that the next call reports. A regular file is
  /// always ready, and cannot be awaited. See `ppoll(2)`.
  boolean ready(PollEvent event) throws SystemCallException {
    int number = fd.enter();
    try (var frame = new Frame()) {
      var pollfd = frame.allocate(Layouts.POLLFD.layout());
      pollfd.set(JAVA_INT, POLLFD_FD, number);
      pollfd.set(JAVA_SHORT, POLLFD_EVENTS, (short) event.bit());
      var now = frame.allocate(16, 8);
      long result = frame.call(SystemCall.PPOLL, pollfd.address(), 1, now.address(), 0, 8);
      if (result == -Errno.EINTR.number()) {
        return false;
      }
      return SystemCallException.check(result, SystemCall.PPOLL, number, event) > 0;
    } finally {
      fd.exit();
    }
  }

  /// Waits until the event is pending, without a deadline.
  ///
  /// @throws InterruptedIOException if the thread is interrupted
  public void await(PollEvent event) throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted while waiting for " + name);
    }
    if (!ready(event)) {
      fd.await(Set.of(event), Deadline.FOREVER, name);
    }
  }

  /// Reads the available bytes, without blocking.
  ///
  /// @return the number of bytes; 0 if none are available; -1 at the end, also if the other end of
  ///   a terminal is closed
  public int read(byte[] buffer) throws SystemCallException {
    if (!ready(PollEvent.IN)) {
      return 0;
    }
    try {
      return fd.read(buffer, 0, buffer.length);
    } catch (SystemCallException failure) {
      return switch (failure.errno()) {
        case EAGAIN, EINTR -> 0;
        case EIO -> -1;
        default -> throw failure;
      };
    }
  }

  /// Writes as many bytes as certainly fit, without blocking.
  ///
  /// @return the number of bytes; 0 if there is no room
  public int write(byte[] data, int offset, int length) throws SystemCallException {
    if (!ready(PollEvent.OUT)) {
      return 0;
    }
    int number = fd.enter();
    try (var frame = new Frame()) {
      int size = Math.min(length, piece);
      var segment = frame.buffer(size);
      MemorySegment.copy(data, offset, segment, JAVA_BYTE, 0, size);
      long result = frame.call(SystemCall.WRITE, number, segment.address(), size);
      if (result == -Errno.EAGAIN.number() || result == -Errno.EINTR.number()) {
        return 0;
      }
      return (int) SystemCallException.check(result, SystemCall.WRITE, number, size);
    } finally {
      fd.exit();
    }
  }
}
