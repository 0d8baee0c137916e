package dev.caisson.linux.internal;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// Lets any number of threads, mainly virtual threads, wait for descriptors, while one platform
/// thread blocks for all of them.
///
/// A blocking call would pin a virtual thread's carrier, and neither an interrupt nor a close would
/// end it. Both end a wait of the poller. Each wait arms its descriptor for one event
/// (EPOLLONESHOT), so an idle descriptor costs nothing.
///
/// Safe for many threads.
public final class Poller {
  private static final int CTL_ADD = 1;
  private static final int CTL_DEL = 2;
  private static final int CTL_MOD = 3;
  private static final int ONESHOT = 1 << 30;
  private static final int EDGE = 1 << 31;
  private static final int ERR_OR_HUP = 8 | 16;
  private static final int BATCH = 64;
  private static final int INVALID = 32; // POLLNVAL

  /// The timeout for the virtual thread that tests the timer by sleeping for a nanosecond.
  private static final Duration TIMER = Duration.ofSeconds(10);

  // Packed on x86-64, so its fields are not aligned.
  private static final long EVENT_SIZE = Layouts.EPOLL_EVENT.size();
  private static final long EVENTS = Layouts.EPOLL_EVENT.offset("events");
  private static final long DATA = Layouts.EPOLL_EVENT.offset("data");

  /// Created by the first waiter. If that fails for lack of descriptors, a later waiter tries
  /// again.
  private static volatile @Nullable Poller shared;

  /// @param id distinguishes the registration from earlier ones of the same number, whose events
  ///   may still be pending
  private record Registration(int id, List<Waiter> waiters) {}

  private static final class Waiter {
    final Thread thread = Thread.currentThread();
    final Fd owner;
    final int events;
    volatile int come;

    Waiter(Fd owner, int events) {
      this.owner = owner;
      this.events = events;
    }

    void wake(int with) {
      if (come != INVALID) {
        come = with;
      }
      LockSupport.unpark(thread);
    }
  }

  private final int epoll;

  /// An eventfd that wakes the thread without any descriptor being ready.
  private final int kick;

  /// The waiters of each descriptor, by its number. Each key is registered with the kernel.
  private final Map<Integer, Registration> waiters = new HashMap<>();

  private int registrations;

  private Thread thread = Thread.currentThread();
  private boolean running;
  private boolean ending;

  /// Tests that the JVM wakes virtual threads after a timed wait. A timer thread of the JVM does
  /// so, which the first timed wait starts. If that thread cannot be started, the virtual thread
  /// waits for ever, without an error (JDK 25).
  private final FutureTask<Optional<String>> timer = new FutureTask<>(Poller::startTimer);

  private Poller() throws SystemCallException {
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.EPOLL_CREATE1, OpenFlag.CLOEXEC);
      epoll = (int) SystemCallException.check(result, SystemCall.EPOLL_CREATE1);
      result = frame.call(SystemCall.EVENTFD2, 0, OpenFlag.CLOEXEC | OpenFlag.NONBLOCK.bit());
      if (result < 0) {
        frame.call(SystemCall.CLOSE, epoll);
      }
      kick = (int) SystemCallException.check(result, SystemCall.EVENTFD2);
    }
    try {
      control(CTL_ADD, kick, 0, PollEvent.IN.bit(), EDGE);
      startThread();
    } catch (SystemCallException failure) {
      closeDescriptors();
      throw failure;
    }
    var missing = Threads.await(timer);
    if (missing.isPresent()) {
      end();
      Threads.join(thread);
      closeDescriptors();
      throw new SystemCallException(Errno.EAGAIN, "clone3", missing.get());
    }
    try {
      Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(this::end));
    } catch (IllegalStateException endingAlready) {
      ending = true;
    }
  }

  /// @return the part of the JVM that cannot be started; empty on success
  private static Optional<String> startTimer() {
    try {
      var sleeper = Thread.ofVirtual().start(() -> LockSupport.parkNanos(1));
      return Threads.join(sleeper, TIMER)
          ? Optional.empty()
          : Optional.of("the timer of virtual threads");
    } catch (OutOfMemoryError none) {
      return Optional.of("the threads that virtual threads run on");
    } catch (LinkageError broken) {
      // The JDK initializes virtual threads once. After a failure it never tries again.
      return Optional.of("virtual threads, which this JVM could not set up: start it again");
    }
  }

  private void closeDescriptors() {
    try (var frame = new Frame()) {
      frame.call(SystemCall.CLOSE, kick);
      frame.call(SystemCall.CLOSE, epoll);
    }
  }

  private synchronized void startThread() throws SystemCallException {
    var fresh = Thread.ofPlatform().daemon().name("caisson-poller").unstarted(this::loop);
    Threads.start(fresh);
    thread = fresh;
    running = true;
  }

  /// Runs as a shutdown hook: ends the poller's thread once the last waiter is gone. Otherwise the
  /// exiting JVM would wait 300 ms for the thread, which is nearly always in native code. A later
  /// wait starts another thread.
  private synchronized void end() {
    ending = true;
    kick();
  }

  private void kick() {
    try (var frame = new Frame()) {
      var one = frame.allocate(8, 8);
      one.set(JAVA_LONG_UNALIGNED, 0, 1);
      frame.call(SystemCall.WRITE, kick, one.address(), 8);
    }
  }

  /// Returns the poller of this JVM. The first call creates it and starts its thread.
  ///
  /// @throws SystemCallException EMFILE or EAGAIN if it cannot get a descriptor or thread; a later
  ///   call may succeed
  public static Poller shared() throws SystemCallException {
    var made = shared;
    return made == null ? make() : made;
  }

  private static synchronized Poller make() throws SystemCallException {
    var made = shared;
    if (made == null) {
      made = new Poller();
      shared = made;
    }
    return made;
  }

  /// Waits for one of the events. The caller keeps the descriptor open meanwhile ([Fd#enter()]).
  ///
  /// @return the bits of the events that occurred
  public int await(Fd owner, int fd, int events, Deadline deadline, String awaited)
      throws IOException {
    var waiter = new Waiter(owner, events);
    add(fd, waiter);
    try {
      while (waiter.come == 0) {
        if (!owner.isOpen()) {
          throw new AsynchronousCloseException();
        }
        if (Thread.currentThread().isInterrupted()) {
          throw new InterruptedIOException("interrupted while waiting for " + awaited);
        }
        long left = deadline.nanoTime() - System.nanoTime();
        if (left <= 0) {
          throw deadline.exception(awaited);
        }
        LockSupport.parkNanos(this, left);
      }
      if (waiter.come == INVALID) {
        throw new AsynchronousCloseException();
      }
      return waiter.come;
    } finally {
      remove(fd, waiter);
    }
  }

  /// Wakes the waiters of a descriptor that its owner has closed.
  public static void wakeAll(Fd owner) {
    var made = shared;
    if (made != null) {
      made.closed(owner);
    }
  }

  private synchronized void closed(Fd owner) {
    for (var registration : waiters.values()) {
      for (var waiter : registration.waiters) {
        if (waiter.owner == owner) {
          waiter.wake(INVALID);
        }
      }
    }
  }

  private synchronized void add(int fd, Waiter waiter) throws SystemCallException {
    if (!running) {
      startThread();
    }
    var present = waiters.get(fd);
    if (present == null) {
      var fresh = new Registration(++registrations, new ArrayList<>(List.of(waiter)));
      control(CTL_ADD, fd, fresh.id, waiter.events, ONESHOT);
      waiters.put(fd, fresh);
    } else {
      present.waiters.add(waiter);
      control(CTL_MOD, fd, present.id, union(present.waiters), ONESHOT);
    }
  }

  private synchronized void remove(int fd, Waiter waiter) {
    var present = waiters.get(fd);
    if (present != null && present.waiters.remove(waiter) && present.waiters.isEmpty()) {
      waiters.remove(fd);
      try {
        control(CTL_DEL, fd, 0, 0, ONESHOT);
      } catch (SystemCallException gone) {
        // The kernel has already removed it.
      }
      if (ending && waiters.isEmpty()) {
        kick();
      }
    }
  }

  /// Whether the thread continues. If not, marks it as ended.
  private synchronized boolean goesOn() {
    running = !ending || !waiters.isEmpty();
    return running;
  }

  private synchronized void dispatch(int fd, int id, int come) {
    var present = waiters.get(fd);
    if (present == null || present.id != id) {
      return;
    }
    var still = new ArrayList<Waiter>();
    for (var waiter : present.waiters) {
      int wanted = come & (waiter.events | ERR_OR_HUP);
      if (wanted != 0) {
        waiter.wake(wanted);
      } else if (waiter.come == 0) {
        still.add(waiter);
      }
    }
    if (!still.isEmpty()) {
      try {
        control(CTL_MOD, fd, id, union(still), ONESHOT);
      } catch (SystemCallException gone) {
        still.forEach(waiter -> waiter.wake(INVALID));
      }
    }
  }

  private static int union(List<Waiter> waiters) {
    int events = 0;
    for (var waiter : waiters) {
      events |= waiter.events;
    }
    return events;
  }

  private void control(int operation, int fd, int id, int events, int mode)
      throws SystemCallException {
    try (var frame = new Frame()) {
      var event = frame.allocate(Layouts.EPOLL_EVENT.layout());
      event.set(JAVA_INT_UNALIGNED, EVENTS, events | mode);
      event.set(JAVA_LONG_UNALIGNED, DATA, (long) id << 32 | fd);
      long result = frame.call(SystemCall.EPOLL_CTL, epoll, operation, fd, event.address());
      SystemCallException.check(result, SystemCall.EPOLL_CTL, epoll, operation, fd);
    }
  }

  private void loop() {
    timer.run();
    try (var frame = new Frame()) {
      var events = frame.allocate(EVENT_SIZE * BATCH, 8);
      while (goesOn()) {
        long count = frame.call(SystemCall.EPOLL_PWAIT, epoll, events.address(), BATCH, -1, 0, 8);
        for (int i = 0; i < count; i++) {
          long at = i * EVENT_SIZE;
          long data = events.get(JAVA_LONG_UNALIGNED, at + DATA);
          int fd = (int) data;
          if (fd != kick) {
            dispatch(fd, (int) (data >>> 32), events.get(JAVA_INT_UNALIGNED, at + EVENTS));
          }
        }
      }
    }
  }

  /// The number of registered descriptors, for tests.
  public synchronized int registered() {
    return waiters.size();
  }
}
