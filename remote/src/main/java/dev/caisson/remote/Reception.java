package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Rlimit;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.UnixListener;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The calls of stubs that wait to be accepted, and the thread that hears the stubs: [Hearing].
///
/// The thread starts when the first call is asked for, and ends when the reception is closed. It
/// pauses while as many calls wait as may be.
final class Reception implements AutoCloseable {
  /// For the thread to end, once it has been interrupted.
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final UnixListener listener;
  private final Hearing hearing;
  private final int most = most();
  private final ReentrantLock lock = new ReentrantLock();

  /// A call or a failure has been added or taken, or this has been closed.
  private final Condition changed = lock.newCondition();

  private final Deque<StubCall> calls = new ArrayDeque<>();
  private final Deque<IOException> failures = new ArrayDeque<>();
  private @Nullable Thread thread;
  private boolean closed;

  /// @param listener is closed with this
  /// @param silence how long a peer may take to become a process
  /// @throws SystemCallException if there are no descriptors; the listener stays open
  Reception(UnixListener listener, Duration silence) throws SystemCallException {
    this.listener = listener;
    this.hearing = new Hearing(listener, most, silence, new Called());
  }

  /// Queues the calls and failures.
  private final class Called implements Hearing.Listener {
    @Override
    public void called(StubCall call) {
      lock.lock();
      try {
        calls.add(call);
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void failed(IOException failure) {
      lock.lock();
      try {
        if (failures.size() < most) {
          failures.add(failure);
          changed.signalAll();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /// The limit of handshakes under way, and of calls that wait to be accepted. It leaves
  /// descriptors and memory to the rest of the JVM.
  private static int most() {
    int least = 16;
    // The kernel slows down a user with more than 2,000 descriptors in messages; a handshake has 4.
    int greatest = 256;
    // Two connections, a pidfd, memory, and three sockets; two thirds are for the rest.
    int descriptors = 21;
    // A quarter of the memory.
    long bytes = 4L * Bootstrap.MOST;
    long most = Runtime.getRuntime().maxMemory() / bytes;
    try {
      most = Math.min(most, Rlimit.NOFILE.soft() / descriptors);
    } catch (SystemCallException unknown) {
      most = least;
    }
    return Math.clamp(most, least, greatest);
  }

  /// Waits for the next call. Calls come before failures.
  ///
  /// @throws dev.caisson.linux.DeadlineException if there is none in time
  /// @throws StubException if a peer has connected that is no stub
  /// @throws SystemCallException if no stub can be heard any more
  /// @throws IllegalStateException if this is closed, or has been meanwhile
  StubCall next(Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    lock.lock();
    try {
      while (true) {
        if (closed) {
          throw new IllegalStateException("a server of stubs was used after it was closed");
        }
        if (!calls.isEmpty()) {
          changed.signalAll();
          return calls.remove();
        }
        if (!failures.isEmpty()) {
          throw failures.remove();
        }
        if (thread == null) {
          thread = Thread.ofPlatform().daemon().name("stubs").start(this::hear);
        }
        if (until.expired()) {
          throw until.exception("a stub");
        }
        var _ = changed.awaitNanos(until.remaining().toNanos());
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for a stub");
    } finally {
      lock.unlock();
    }
  }

  private void hear() {
    try {
      while (awaitRoom()) {
        hearing.go();
      }
    } catch (InterruptedException | InterruptedIOException closing) {
      // The reception is being closed.
    } catch (IOException | RuntimeException | OutOfMemoryError | LinkageError failure) {
      new Called()
          .failed(
              failure instanceof IOException io
                  ? io
                  : new IOException("no stub can be heard", failure));
    } finally {
      lock.lock();
      try {
        thread = null;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /// Waits while there are as many calls as may be.
  ///
  /// @return false if this has been closed
  private boolean awaitRoom() throws InterruptedException {
    lock.lock();
    try {
      while (!closed && calls.size() >= most) {
        changed.await();
      }
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  /// Ends the thread, and closes the connections of all stubs that have not been accepted.
  /// Idempotent.
  @Override
  public void close() {
    Thread running;
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
      running = thread;
    } finally {
      lock.unlock();
    }
    listener.close();
    if (running != null) {
      running.interrupt();
      join(running);
    }
    hearing.close();
    var left = new ArrayList<StubCall>();
    lock.lock();
    try {
      left.addAll(calls);
      calls.clear();
    } finally {
      lock.unlock();
    }
    left.forEach(StubCall::close);
  }

  private static void join(Thread thread) {
    boolean interrupted = false;
    long until = System.nanoTime() + PATIENCE.toNanos();
    while (thread.isAlive()) {
      try {
        long left = TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime());
        if (left <= 0) {
          break;
        }
        thread.join(left);
      } catch (InterruptedException interrupt) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
