package dev.caisson.stub;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// Hands peers that have connected to the threads that wait for one, and to no other: a peer that
/// no thread waits for is refused.
///
/// Safe for many threads.
final class PeerQueue implements AutoCloseable {
  private final ReentrantLock lock = new ReentrantLock();

  /// A peer has been handed over, or this has been closed.
  private final Condition changed = lock.newCondition();

  private final Deque<Handshakes.Connected> peers = new ArrayDeque<>();
  private int waiting;
  private boolean closed;

  /// Hands a peer over.
  ///
  /// @return false if no thread waits for one; it stays the caller's then
  boolean offer(Handshakes.Connected peer) {
    lock.lock();
    try {
      if (closed || waiting <= peers.size()) {
        return false;
      }
      peers.add(peer);
      changed.signal();
      return true;
    } finally {
      lock.unlock();
    }
  }

  /// Waits for a peer, which the caller owns.
  ///
  /// @param beforeWaiting called each time before the thread waits
  /// @throws dev.caisson.linux.DeadlineException if none comes in time
  /// @throws IllegalStateException if this is closed, or has been meanwhile
  Handshakes.Connected take(Deadline deadline, StubQueue.BeforeWaiting beforeWaiting)
      throws IOException {
    lock.lock();
    waiting++;
    try {
      while (peers.isEmpty()) {
        if (closed) {
          throw new IllegalStateException("a server of stubs was used after it was closed");
        }
        beforeWaiting.run();
        if (deadline.expired()) {
          throw deadline.exception("a stub");
        }
        var _ = changed.awaitNanos(deadline.remaining().toNanos());
      }
      return peers.remove();
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      if (!peers.isEmpty()) {
        return peers.remove();
      }
      throw new InterruptedIOException("interrupted while waiting for a stub");
    } finally {
      waiting--;
      lock.unlock();
    }
  }

  /// Wakes the threads that wait, which look again at what there is to be done before they wait:
  /// the thread that hands peers over has ended.
  void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /// Wakes the threads that wait, which find it closed. Idempotent.
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      peers.forEach(Handshakes.Connected::close);
      peers.clear();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
