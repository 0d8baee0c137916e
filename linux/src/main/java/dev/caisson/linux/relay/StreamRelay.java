package dev.caisson.linux.relay;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/// Copies a stream of bytes from one descriptor to another, such as from the pipe that a process
/// writes to.
///
/// It notices at once that the target has lost its reader, also while no bytes come (POLLERR of a
/// pipe or socket). It reads and writes: with large streams, `splice(2)` took half as long again,
/// because whole pages leave the cache.
///
/// For one thread, which blocks in the kernel, so it should not be a virtual one. [#close()] may
/// come from any.
public final class StreamRelay implements AutoCloseable {
  private static final int BUFFER = 64 * 1024;

  /// How long a wait goes on without a look at whether it is to end.
  private static final Duration LOOK = Duration.ofMillis(100);

  private static final int POLLERR = 8;
  private static final int POLLHUP = 16;
  private static final long SIZE = Layouts.POLLFD.size();
  private static final long POLLFD_FD = Layouts.POLLFD.offset("fd");
  private static final long POLLFD_EVENTS = Layouts.POLLFD.offset("events");
  private static final long POLLFD_REVENTS = Layouts.POLLFD.offset("revents");

  private final Fd source;
  private final Fd target;

  private volatile boolean draining;
  private volatile boolean closed;

  /// Makes a relay.
  ///
  /// @param source a pipe, a socket or a device, which stays the caller's
  /// @param target stays the caller's
  public StreamRelay(Fd source, Fd target) {
    this.source = source;
    this.target = target;
  }

  /// Hears what is copied, before it is written.
  @FunctionalInterface
  public interface Copied {
    /// Hears of a piece.
    ///
    /// @param bytes valid during the call
    /// @return false if nothing more is to be copied, this piece included
    boolean copied(MemorySegment bytes);
  }

  /// Copies until the end of the source, or until this is [drained][#drain()] or closed.
  ///
  /// @throws SystemCallException EPIPE if the target has no reader
  public void run(Copied copied) throws IOException {
    while (await(source, PollEvent.IN.bit()) && copy(copied)) {
      // Until the end.
    }
  }

  /// @return false at the end
  private boolean copy(Copied copied) throws IOException {
    try (var frame = new Frame()) {
      var buffer = frame.buffer(BUFFER);
      int from = source.enter();
      long count;
      try {
        count = frame.call(SystemCall.READ, from, buffer.address(), BUFFER);
        if (count == -Errno.EAGAIN.number() || count == -Errno.EINTR.number()) {
          // Another reader of the source was quicker.
          return true;
        }
        SystemCallException.check(count, SystemCall.READ, from);
      } finally {
        source.exit();
      }
      frame.filled(count);
      var bytes = buffer.asSlice(0, count);
      if (count == 0 || !copied.copied(bytes)) {
        return false;
      }
      write(bytes);
      return true;
    }
  }

  private void write(MemorySegment bytes) throws IOException {
    for (long done = 0; done < bytes.byteSize(); ) {
      long count;
      int to = target.enter();
      try (var frame = new Frame()) {
        count = frame.call(SystemCall.WRITE, to, bytes.address() + done, bytes.byteSize() - done);
      } finally {
        target.exit();
      }
      if (count == -Errno.EAGAIN.number()) {
        if (!await(target, PollEvent.OUT.bit())) {
          return;
        }
      } else if (count != -Errno.EINTR.number()) {
        done += SystemCallException.check(count, SystemCall.WRITE, to, bytes.byteSize());
      }
    }
  }

  /// Waits for an event of one descriptor, and for the end of who reads the target.
  ///
  /// @return false if it is not to be waited for any more
  private boolean await(Fd awaited, int events) throws IOException {
    while (!closed) {
      int one = awaited.enter();
      try {
        int other = target.enter();
        try (var frame = new Frame()) {
          var polled = frame.allocate(2 * SIZE, 8);
          polled.set(JAVA_INT, POLLFD_FD, one);
          polled.set(JAVA_SHORT, POLLFD_EVENTS, (short) events);
          polled.set(JAVA_INT, SIZE + POLLFD_FD, other);
          var time = frame.allocate(16, 8);
          time.setAtIndex(JAVA_LONG, 1, LOOK.toNanos());
          long count = frame.call(SystemCall.PPOLL, polled.address(), 2, time.address(), 0, 8);
          if (count != -Errno.EINTR.number()) {
            SystemCallException.check(count, SystemCall.PPOLL, one, other);
          }
          int ofTarget = polled.get(JAVA_SHORT, SIZE + POLLFD_REVENTS);
          if ((ofTarget & (POLLERR | POLLHUP)) != 0) {
            throw SystemCallException.of(-Errno.EPIPE.number(), "ppoll", other);
          }
          if (polled.get(JAVA_SHORT, POLLFD_REVENTS) != 0) {
            return true;
          }
          if (draining && awaited == source) {
            return false;
          }
        } finally {
          target.exit();
        }
      } finally {
        awaited.exit();
      }
    }
    return false;
  }

  /// Has it copy what the source has now, and not wait for more.
  public void drain() {
    draining = true;
  }

  /// Ends the copying within a moment, unless the target takes nothing and blocks. Idempotent.
  @Override
  public void close() {
    closed = true;
  }
}
