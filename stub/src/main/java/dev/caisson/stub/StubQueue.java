package dev.caisson.stub;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// The invocations of stubs that wait to be accepted, and the failures of peers that did not become
/// invocations. Both are bounded.
///
/// Safe for many threads.
final class StubQueue implements AutoCloseable {
  private final int most;
  private final ReentrantLock lock = new ReentrantLock();

  /// An invocation or a failure has been added or taken, a thread waits, or this has been closed.
  private final Condition changed = lock.newCondition();

  private final Deque<StubInvocation> invocations = new ArrayDeque<>();
  private final Deque<IOException> failures = new ArrayDeque<>();
  private int waiting;
  private boolean closed;

  /// @param most how many invocations may wait
  StubQueue(int most) {
    this.most = most;
  }

  /// Adds an invocation, which this owns. Closes it if this is closed.
  void add(StubInvocation invocation) {
    lock.lock();
    try {
      if (!closed) {
        invocations.add(invocation);
        changed.signalAll();
        return;
      }
    } finally {
      lock.unlock();
    }
    invocation.close();
  }

  /// Adds a failure, unless there are many.
  void fail(IOException failure) {
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

  /// What is done before a thread waits.
  @FunctionalInterface
  interface BeforeWaiting {
    void run() throws IOException;
  }

  /// Waits for the next invocation. Invocations come before failures.
  ///
  /// @param beforeWaiting called each time before the thread waits
  /// @throws dev.caisson.linux.DeadlineException if none comes in time
  /// @throws IOException the next failure, if there is no invocation
  /// @throws IllegalStateException if this is closed, or has been meanwhile
  StubInvocation next(Deadline deadline, BeforeWaiting beforeWaiting) throws IOException {
    lock.lock();
    waiting++;
    changed.signalAll();
    try {
      while (true) {
        if (closed) {
          throw new IllegalStateException("a server of stubs was used after it was closed");
        }
        if (!invocations.isEmpty()) {
          return invocations.remove();
        }
        if (!failures.isEmpty()) {
          throw failures.remove();
        }
        beforeWaiting.run();
        if (deadline.expired()) {
          throw deadline.exception("a stub");
        }
        var _ = changed.awaitNanos(deadline.remaining().toNanos());
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for a stub");
    } finally {
      waiting--;
      changed.signalAll();
      lock.unlock();
    }
  }

  /// Waits while as many invocations wait as may be.
  ///
  /// @return false if this has been closed
  boolean awaitRoom() throws InterruptedException {
    lock.lock();
    try {
      while (!closed && invocations.size() >= most) {
        changed.await();
      }
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  /// Waits for more threads that wait for an invocation than there are invocations.
  ///
  /// @return false if this has been closed
  boolean awaitDemand() throws InterruptedException {
    lock.lock();
    try {
      while (!closed && waiting <= invocations.size()) {
        changed.await();
      }
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  /// Wakes the threads that wait, which look again at what there is to be done before they wait:
  /// the thread that adds invocations has ended.
  void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  /// Wakes all threads, which find it closed. Closes the invocations that have not been taken.
  /// Idempotent.
  @Override
  public void close() {
    var left = new ArrayList<StubInvocation>();
    lock.lock();
    try {
      closed = true;
      left.addAll(invocations);
      invocations.clear();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    left.forEach(StubInvocation::close);
  }
}
