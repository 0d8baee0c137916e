package dev.caisson.stub;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// The invocations that wait to be accepted, and the failures of peers that did not become
/// invocations. Both are bounded.
///
/// Thread-safe.
final class StubQueue implements AutoCloseable {
  private final int most;
  private final ReentrantLock lock = new ReentrantLock();

  /// Signalled when an invocation or failure has been added or taken, a thread waits, or this has
  /// been closed.
  private final Condition changed = lock.newCondition();

  private final Deque<StubInvocation> invocations = new ArrayDeque<>();
  private final Deque<IOException> failures = new ArrayDeque<>();
  private int waiting;
  private boolean closed;

  /// @param most the capacity for invocations
  StubQueue(int most) {
    this.most = most;
  }

  /// Adds an invocation, and takes ownership of it. Closes it if this is closed.
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

  /// Adds a failure. No-op if the queue of failures is full.
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

  /// The action before a thread waits.
  @FunctionalInterface
  interface BeforeWaiting {
    void run() throws IOException;
  }

  /// Waits for the next invocation. Invocations come before failures.
  ///
  /// @param beforeWaiting called each time before the thread waits
  /// @throws dev.caisson.linux.DeadlineException if the deadline passes first
  /// @throws IOException the next failure, if no invocation waits
  /// @throws IllegalStateException if this is closed before an invocation comes
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

  /// Waits while the queue of invocations is full.
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

  /// Waits until more threads wait for an invocation than invocations are queued.
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

  /// Wakes the waiting threads because the thread that adds invocations has ended. They call
  /// `beforeWaiting` again.
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

  /// Wakes the waiting threads, which then throw, and closes the invocations that have not been
  /// taken. Idempotent.
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
