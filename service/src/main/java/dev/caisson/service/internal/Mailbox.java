package dev.caisson.service.internal;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// One direction of a connection inside the JVM: a bounded queue that has an end, as a socket does.
final class Mailbox {
  /// A service that signals faster than its host reads has to wait.
  private static final int ROOM = 64;

  private final ArrayDeque<Connection.Delivery> queue = new ArrayDeque<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean ended;

  /// Adds a message, waiting for room.
  ///
  /// @return false if it has ended, so that this will not be read; it stays the caller's then
  boolean put(Connection.Delivery delivery, Deadline deadline) throws IOException {
    lock.lock();
    try {
      while (!ended && queue.size() >= ROOM) {
        await(deadline, "room to send a message");
      }
      if (ended) {
        return false;
      }
      queue.add(delivery);
      changed.signalAll();
      return true;
    } finally {
      lock.unlock();
    }
  }

  /// Takes the next message, waiting for it.
  ///
  /// @return empty at the end
  Optional<Connection.Delivery> take(Deadline deadline) throws IOException {
    lock.lock();
    try {
      while (!isReady()) {
        await(deadline, "a message");
      }
      var next = Optional.ofNullable(queue.poll());
      if (queue.size() == ROOM - 1) {
        changed.signalAll();
      }
      return next;
    } finally {
      lock.unlock();
    }
  }

  @SuppressWarnings("WaitNotInLoop") // its callers loop
  private void await(Deadline deadline, String awaited) throws IOException {
    try {
      if (!changed.await(deadline.remaining().toNanos(), TimeUnit.NANOSECONDS)
          && deadline.expired()) {
        throw deadline.exception(awaited);
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for " + awaited);
    }
  }

  boolean ready() {
    lock.lock();
    try {
      return isReady();
    } finally {
      lock.unlock();
    }
  }

  private boolean isReady() {
    return ended || !queue.isEmpty();
  }

  /// Waits until there is a message, or the end, and leaves it there.
  void awaitReady(Deadline deadline) throws IOException {
    lock.lock();
    try {
      while (!isReady()) {
        await(deadline, "a message");
      }
    } finally {
      lock.unlock();
    }
  }

  /// Lets nothing more in; what is there can still be taken.
  void end() {
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /// Ends it and gives up what has not been taken.
  void discard() {
    lock.lock();
    try {
      end();
      queue.forEach(Connection.Delivery::close);
      queue.clear();
    } finally {
      lock.unlock();
    }
  }
}
