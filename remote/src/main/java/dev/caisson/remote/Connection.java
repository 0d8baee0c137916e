package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedChannelException;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/// How calls get to a process and their results back: a request of 56 bytes, an answer of 8, in
/// order. See `docs/stub-wire.md`.
///
/// Whoever uses it holds its lock: a process makes one call at a time. The results of a caller who
/// did not wait for them are read, and dropped, by the next.
final class Connection implements AutoCloseable {
  /// The most requests without an answer: far fewer than both sockets hold.
  static final int MOST = 128;

  static final int REQUEST = 56;
  private static final int ANSWER = 8;

  private final UnixSocket socket;
  private final boolean ahead;
  private final ReentrantLock lock = new ReentrantLock();
  private final Arena arena = Arena.ofAuto();
  private final MemorySegment requests = arena.allocate((long) MOST * REQUEST, 8);
  private final MemorySegment answers = arena.allocate((long) MOST * ANSWER, 8);
  private String peer = "a process";
  private int owed;
  private boolean lost;

  /// Memory of calls that may be under way.
  private final Queue<RemoteMemory> kept = new ConcurrentLinkedQueue<>();

  /// @param ahead whether the other side speaks the extension
  Connection(UnixSocket socket, boolean ahead) {
    this.socket = socket;
    this.ahead = ahead;
  }

  /// Says whom it leads to, for messages.
  void peer(String name) {
    peer = name;
  }

  boolean ahead() {
    return ahead;
  }

  /// Waits until nobody else uses it, and nothing is on its way: what others have given to the
  /// process is then theirs no longer.
  void lock(Deadline deadline) throws IOException {
    try {
      if (!lock.tryLock() && !lock.tryLock(deadline.remaining().toNanos(), TimeUnit.NANOSECONDS)) {
        throw deadline.exception("another call in " + peer);
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for " + peer);
    }
    try {
      settle(deadline);
    } catch (IOException | RuntimeException failure) {
      lock.unlock();
      throw failure;
    }
  }

  void unlock() {
    lock.unlock();
  }

  private void settle(Deadline deadline) throws IOException {
    if (lost) {
      throw new ConnectionLostException(peer, false);
    }
    while (owed > 0) {
      receive(Math.min(owed, MOST), deadline);
    }
    giveBackKept();
  }

  /// Gives memory back that calls have used, as soon as none of them is under way any more.
  void giveBack(RemoteMemory memory) {
    kept.add(memory);
    if (lock.tryLock()) {
      try {
        if (owed == 0 && !lost) {
          giveBackKept();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  private void giveBackKept() {
    for (var memory = kept.poll(); memory != null; memory = kept.poll()) {
      memory.close();
    }
  }

  /// Puts a request together.
  void request(int index, long number, long[] arguments) {
    long at = (long) index * REQUEST;
    requests.set(JAVA_LONG, at, number);
    for (int i = 0; i < arguments.length; i++) {
      requests.set(JAVA_LONG, at + 8 + 8L * i, arguments[i]);
    }
  }

  /// Sends the first requests, and waits for their answers.
  ///
  /// @throws ConnectionLostException if there is no answer, nor will be
  /// @throws dev.caisson.linux.DeadlineException if there is none in time; the calls go on
  void exchange(int count, Deadline deadline) throws IOException {
    send(count, deadline);
    receive(count, deadline);
  }

  private void send(int count, Deadline deadline) throws IOException {
    try {
      // There is always room: no more is ever on its way than fits.
      socket.send(requests.asSlice(0, (long) count * REQUEST), deadline);
    } catch (SystemCallException | IllegalStateException | ClosedChannelException broken) {
      throw lost(false);
    } catch (IOException failure) {
      lost = true;
      throw failure;
    }
    owed += count;
  }

  private void receive(int count, Deadline deadline) throws IOException {
    int size = count * ANSWER;
    int have = 0;
    try {
      while (have < size) {
        int more = socket.recv(answers.asSlice(have, size - have), deadline);
        if (more < 0) {
          throw lost(true);
        }
        have += more;
      }
      owed -= count;
    } catch (SystemCallException | IllegalStateException | ClosedChannelException broken) {
      throw lost(true);
    } catch (IOException given) {
      // Whole answers are of calls that are over; of a part, the rest cannot be told from the next.
      owed -= have / ANSWER;
      lost |= have % ANSWER != 0;
      throw given;
    }
  }

  /// Whether answers are due.
  boolean isInCall() {
    if (!lock.tryLock()) {
      return true;
    }
    try {
      return owed > 0;
    } finally {
      lock.unlock();
    }
  }

  private ConnectionLostException lost(boolean submitted) {
    lost = true;
    return new ConnectionLostException(peer, submitted);
  }

  /// An answer to the last requests.
  long answer(int index) {
    return answers.getAtIndex(JAVA_LONG, index);
  }

  /// Says that there will be no more answers, though somebody may have a copy of the other end.
  void shutdown() {
    socket.shutdown();
  }

  /// Ends it, and with it the process, unless that goes on with another. Whoever is in a call has
  /// left it then.
  @Override
  public void close() {
    socket.close();
    lock.lock();
    try {
      lost = true;
    } finally {
      lock.unlock();
    }
  }
}
