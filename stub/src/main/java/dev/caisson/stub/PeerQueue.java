package dev.caisson.stub;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// Hands connected peers to waiting threads. A peer is refused if no thread waits for it.
///
/// Thread-safe.
final class PeerQueue implements AutoCloseable {
  private final ReentrantLock lock = new ReentrantLock();

  /// Signalled when a peer has been handed over, or this has been closed.
  private final Condition changed = lock.newCondition();

  private final Deque<Handshakes.Connected> peers = new ArrayDeque<>();
  private int waiting;
  private boolean closed;

  /// Hands a peer over.
  ///
  /// @return false if no thread waits for a peer; the peer stays the caller's then
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
  /// @throws dev.caisson.linux.DeadlineException if the deadline passes first
  /// @throws IllegalStateException if this is closed before a peer comes
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

  /// Wakes the waiting threads because the thread that hands peers over has ended. They call
  /// `beforeWaiting` again.
  void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /// Wakes the waiting threads, which then throw. Idempotent.
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
