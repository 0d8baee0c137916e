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

/// Lets any number of threads, virtual ones above all, wait for descriptors while one platform
/// thread blocks for all.
///
/// A blocking call would hold a virtual thread's carrier and would end by neither interrupt nor
/// close; a wait here does. Each wait arms its descriptor for one event (EPOLLONESHOT), so that
/// what is not waited for costs nothing.
public final class Poller {
  private static final int CTL_ADD = 1;
  private static final int CTL_DEL = 2;
  private static final int CTL_MOD = 3;
  private static final int ONESHOT = 1 << 30;
  private static final int EDGE = 1 << 31;
  private static final int ERR_OR_HUP = 8 | 16;
  private static final int BATCH = 64;
  private static final int INVALID = 32; // POLLNVAL

  /// How long a virtual thread that waits for a nanosecond may take.
  private static final Duration TIMER = Duration.ofSeconds(10);

  // Packed on x86-64, so nothing in it is aligned.
  private static final long EVENT_SIZE = Layouts.EPOLL_EVENT.size();
  private static final long EVENTS = Layouts.EPOLL_EVENT.offset("events");
  private static final long DATA = Layouts.EPOLL_EVENT.offset("data");

  /// Made by the first who waits: one that cannot be made for want of descriptors may be the next
  /// time.
  private static volatile @Nullable Poller shared;

  /// @param id tells it apart from earlier ones of the same number, whose events may still be on
  ///   their way
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

  /// Who waits for which descriptor. A number that is here is registered with the kernel.
  private final Map<Integer, Registration> waiters = new HashMap<>();

  private int registrations;

  private Thread thread = Thread.currentThread();
  private boolean running;
  private boolean ending;

  /// Whether the JVM wakes virtual threads that wait for a time. One thread of the JVM does it,
  /// which the first such wait starts. If there is no thread to be had then, that virtual thread
  /// waits for ever (JDK 25), and no one hears of it.
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

  /// @return what cannot be started, if anything
  private static Optional<String> startTimer() {
    try {
      var sleeper = Thread.ofVirtual().start(() -> LockSupport.parkNanos(1));
      return Threads.join(sleeper, TIMER)
          ? Optional.empty()
          : Optional.of("the timer of virtual threads");
    } catch (OutOfMemoryError none) {
      return Optional.of("the threads that virtual threads run on");
    } catch (LinkageError broken) {
      // The JDK sets virtual threads up once, and never again if that fails.
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

  /// A JVM that ends waits 300 ms for threads that are in native code, as the poller's is nearly
  /// always. So when nobody waits any more its thread ends; what is waited for later starts
  /// another.
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

  /// The one of this JVM, with its thread running: made by the first call.
  ///
  /// @throws SystemCallException EMFILE or EAGAIN if there is no descriptor or no thread to be had
  ///   for it; a later call may succeed
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

  /// Waits for one of the events; the caller holds the descriptor open ([Fd#enter()]).
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

  /// Wakes those who wait for a descriptor that its owner has closed.
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
        // The kernel has forgotten it already, which is what was wanted.
      }
      if (ending && waiters.isEmpty()) {
        kick();
      }
    }
  }

  /// Whether the thread may go on; it counts as ended otherwise.
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

  /// For the tests: how many descriptors are registered.
  public synchronized int registered() {
    return waiters.size();
  }
}
