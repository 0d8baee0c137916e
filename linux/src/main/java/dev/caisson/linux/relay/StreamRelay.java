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

/// Copies a stream of bytes from one descriptor to another, for example from the pipe that a
/// process writes to.
///
/// The relay notices at once that the target has lost its reader, even while the source is idle
/// (POLLERR of a pipe or socket). It uses `read(2)` and `write(2)`: for large streams, `splice(2)`
/// took 50 % longer, because whole pages leave the cache.
///
/// Used by one thread, which blocks in the kernel, so it should not be a virtual thread. Any thread
/// may call [#drain()] and [#close()].
public final class StreamRelay implements AutoCloseable {
  private static final int BUFFER = 64 * 1024;

  /// The interval at which a wait checks whether the relay is drained or closed.
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

  /// Creates a relay. The caller keeps ownership of both descriptors.
  ///
  /// @param source a pipe, socket or device
  public StreamRelay(Fd source, Fd target) {
    this.source = source;
    this.target = target;
  }

  /// A callback that sees the bytes before they are written.
  @FunctionalInterface
  public interface Copied {
    /// Receives the next bytes.
    ///
    /// @param bytes valid during the call
    /// @return false to stop copying, without writing these bytes
    boolean copied(MemorySegment bytes);
  }

  /// Copies until the end of the source, or until the relay is [drained][#drain()] or closed.
  ///
  /// @throws SystemCallException EPIPE if the target has no reader
  public void run(Copied copied) throws IOException {
    while (await(source, PollEvent.IN.bit()) && copy(copied)) {
      // The calls do the work.
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
          // EAGAIN: another reader of the source was faster.
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

  /// Waits for an event of one descriptor, and checks that the target still has a reader.
  ///
  /// @return false if the relay is closed, or drained and the source has no more bytes
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

  /// Makes [#run] copy the bytes that the source has now, and then return.
  public void drain() {
    draining = true;
  }

  /// Ends [#run] within 100 ms, unless it blocks in a write to the target. Idempotent.
  @Override
  public void close() {
    closed = true;
  }
}
