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

/// An end of a stream of bytes that no call may block on: a terminal, a pipe, a socket, or a file.
///
/// O_NONBLOCK would be seen by all who have the same open file, such as the shell that a JVM was
/// started from. So what is ready is asked for first, and no more is written than surely fits then.
public final class StreamEnd {
  /// What a pipe takes at once when there is room in it, PIPE_BUF.
  private static final int PIECE = 4096;

  /// What a terminal surely takes when there is room in it: that for the next byte it looks for
  /// anew.
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

  /// An end that may be anything.
  ///
  /// @param name what it is, for messages
  public static StreamEnd of(Fd fd, String name) {
    // Slow, so whoever can uses Terminal.reopen.
    return new StreamEnd(fd, Terminal.of(fd).isatty() ? TERMINAL_PIECE : PIECE, name);
  }

  /// An end that is O_NONBLOCK, so that too much does no harm.
  public static StreamEnd nonBlocking(Fd fd, String name) {
    return new StreamEnd(fd, PIECE, name);
  }

  /// Whether it is ready now, or has an error that the next call will tell. A regular file, which
  /// cannot be awaited, always is. See `ppoll(2)`.
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

  /// Waits until it is ready, without end.
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

  /// Reads what is there.
  ///
  /// @return how many bytes; 0 if nothing is there; -1 at the end, as which counts that nobody has
  ///   the other end of a terminal any more
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

  /// Writes what there is room for.
  ///
  /// @return how many bytes; 0 if there is no room
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
