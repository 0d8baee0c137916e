package dev.caisson.service.internal;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// One direction of a connection inside the JVM: a bounded queue that can be ended, like a socket.
final class Mailbox {
  /// The bound. A service that signals faster than its host reads has to wait.
  private static final int ROOM = 64;

  private final ArrayDeque<Connection.Delivery> queue = new ArrayDeque<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean ended;

  /// Adds a message, waiting for room.
  ///
  /// @return false if the queue has ended; the caller keeps the message then
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

  /// Waits for the next message and takes it.
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

  /// Waits until there is a message, or the end, but does not take it.
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

  /// Ends the queue. Messages in it can still be taken.
  void end() {
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /// Ends the queue and closes the messages that have not been taken.
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
