package dev.caisson.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.io.IOException;
import java.time.Duration;

/// Waits for many descriptors at once, on one thread. See `epoll(7)`.
///
/// The kernel removes a descriptor when it is closed. Only [#close()] is safe to call from another
/// thread.
public final class Epoll implements AutoCloseable {
  private static final int CTL_ADD = 1;
  private static final int CTL_MOD = 3;
  private static final int EPOLLONESHOT = 1 << 30;
  private static final int MAXEVENTS = 64;
  private static final long EVENT_SIZE = Layouts.EPOLL_EVENT.size();
  private static final long EVENTS = Layouts.EPOLL_EVENT.offset("events");
  private static final long DATA = Layouts.EPOLL_EVENT.offset("data");

  private final Fd fd;

  private Epoll(Fd fd) {
    this.fd = fd;
  }

  /// Creates an epoll instance without descriptors. See `epoll_create1(2)`.
  public static Epoll epollCreate() throws SystemCallException {
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.EPOLL_CREATE1, OpenFlag.CLOEXEC);
      return new Epoll(Fd.own(SystemCallException.check(result, SystemCall.EPOLL_CREATE1)));
    }
  }

  /// Adds a descriptor, level-triggered: every [#epollWait] reports it while it has input, end of
  /// file or an error. See `epoll_ctl(2)`, EPOLL_CTL_ADD.
  ///
  /// @param data the value that [#epollWait] returns for it
  /// @throws SystemCallException ENOSPC if the user has reached the limit of watches
  public void add(Fd watched, long data) throws SystemCallException {
    control(CTL_ADD, watched, 0, data);
  }

  /// Adds a descriptor that is reported once: on input, end of file or an error. See `epoll(7)`,
  /// EPOLLONESHOT.
  ///
  /// @param data the value that [#epollWait] returns for it
  public void addOnce(Fd watched, long data) throws SystemCallException {
    control(CTL_ADD, watched, EPOLLONESHOT, data);
  }

  /// Rearms a descriptor that has been reported, for one more report. See `epoll_ctl(2)`,
  /// EPOLL_CTL_MOD.
  public void modOnce(Fd watched, long data) throws SystemCallException {
    control(CTL_MOD, watched, EPOLLONESHOT, data);
  }

  private void control(int operation, Fd watched, int mode, long data) throws SystemCallException {
    int epoll = fd.enter();
    try {
      int number = watched.enter();
      try (var frame = new Frame()) {
        var event = frame.allocate(Layouts.EPOLL_EVENT.layout());
        event.set(JAVA_INT_UNALIGNED, EVENTS, PollEvent.IN.bit() | mode);
        event.set(JAVA_LONG_UNALIGNED, DATA, data);
        long result = frame.call(SystemCall.EPOLL_CTL, epoll, operation, number, event.address());
        SystemCallException.check(result, SystemCall.EPOLL_CTL, epoll, operation, number);
      } finally {
        watched.exit();
      }
    } finally {
      fd.exit();
    }
  }

  /// Waits until a descriptor is ready or the timeout ends. Blocks in the kernel; an interrupt does
  /// not end the wait. See `epoll_wait(2)`.
  ///
  /// @param timeout rounded up to milliseconds; zero does not wait
  /// @return the `data` of the ready descriptors, 64 at most; empty after the timeout or a signal
  public long[] epollWait(Duration timeout) throws SystemCallException {
    int epoll = fd.enter();
    try (var frame = new Frame()) {
      var events = frame.buffer(EVENT_SIZE * MAXEVENTS, 8);
      long millis =
          Math.min(Deadline.in(timeout).allowed().plusNanos(999_999).toMillis(), Integer.MAX_VALUE);
      long result =
          frame.call(SystemCall.EPOLL_PWAIT, epoll, events.address(), MAXEVENTS, millis, 0, 8);
      if (result == -Errno.EINTR.number()) {
        return new long[0];
      }
      int count = (int) SystemCallException.check(result, SystemCall.EPOLL_PWAIT, epoll);
      var told = new long[count];
      for (int i = 0; i < count; i++) {
        told[i] = events.get(JAVA_LONG_UNALIGNED, i * EVENT_SIZE + DATA);
      }
      return told;
    } finally {
      fd.exit();
    }
  }

  /// Waits until [#epollWait] has a descriptor to report, as in [Fd#await].
  ///
  /// @throws DeadlineException if no descriptor becomes ready in time
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  /// @throws java.nio.channels.ClosedChannelException if this is closed meanwhile
  public void await(Deadline deadline, String awaited) throws IOException {
    fd.await(PollEvent.IN.bit(), deadline, awaited);
  }

  /// Closes the epoll instance; the added descriptors stay open. Idempotent.
  @Override
  public void close() {
    fd.close();
  }
}
