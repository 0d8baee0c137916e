package dev.caisson.remote.internal.wire;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.ConnectionLostException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/// Carries calls to a process and results back: a request of 56 bytes, an answer of 8, in order.
/// See `docs/reference/stub-wire.md`.
///
/// A caller holds the connection's lock: a process makes one call at a time. If a caller gives up,
/// the next one reads the late results, and runs the cleanup calls that they require.
public final class Connection implements AutoCloseable {
  /// The limit of unanswered requests: far fewer than both sockets hold.
  public static final int MOST = 128;

  public static final int REQUEST = 56;
  private static final int ARGUMENTS = 6;
  public static final int ANSWER = 8;

  /// In the upper half of a call's number: sends the pending answers before the call is made.
  public static final long FLUSH = 1L << 32;

  /// How much memory is read at once: less than any socket buffer holds.
  private static final int CHUNK = 32 * 1024;

  /// Time enough for requests that do not block, if the process is not in a call.
  private static final Duration AT_ONCE = Duration.ofMillis(100);

  private volatile UnixSocket socket;
  private final boolean ahead;
  private volatile Optional<DataSocket> data;
  private final ReentrantLock lock;
  private final Arena arena = Arena.ofAuto();
  private final MemorySegment requests = arena.allocate((long) MOST * REQUEST, 8);
  private final MemorySegment answers = arena.allocate((long) MOST * ANSWER, 8);
  private String peer = "a process";
  private int owed;

  /// How many of the last unanswered requests are fetches, whose answers announce data on the data
  /// socket.
  private int fetches;

  /// How many bytes the only unanswered request is to write.
  private long writing;

  private boolean lost;

  private final AbandonedCalls abandoned = new AbandonedCalls();

  /// @param ahead whether the process supports the extension
  public Connection(UnixSocket socket, boolean ahead) {
    this(socket, ahead, Optional.empty());
  }

  /// A connection to a process that shares no memory with this JVM.
  ///
  /// @param ahead whether the process supports the extension
  public Connection(UnixSocket socket, boolean ahead, DataSocket data) {
    this(socket, ahead, Optional.of(data));
  }

  private Connection(UnixSocket socket, boolean ahead, Optional<DataSocket> data) {
    this.socket = socket;
    this.ahead = ahead;
    this.data = data;
    // Fair: a thread that waits for a child on another machine takes the lock again and again.
    this.lock = new ReentrantLock(data.isPresent());
  }

  /// Sets the name of the process, for messages.
  public void peer(String name) {
    peer = name;
  }

  public boolean ahead() {
    return ahead;
  }

  /// Waits until no other thread uses the connection, and no answer is pending. Memory that
  /// abandoned calls used is free then.
  public void lock(Deadline deadline) throws IOException {
    try {
      boolean fair = data.isPresent();
      if ((fair || !lock.tryLock())
          && !lock.tryLock(deadline.remaining().toNanos(), TimeUnit.NANOSECONDS)) {
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

  public void unlock() {
    lock.unlock();
  }

  private void settle(Deadline deadline) throws IOException {
    if (lost) {
      throw new ConnectionLostException(peer, false);
    }
    while (owed > fetches) {
      int before = owed;
      try {
        receive(Math.min(owed - fetches, MOST), deadline);
      } finally {
        // Also for the answers that came before the deadline passed.
        for (int i = 0; i < before - owed; i++) {
          abandoned.answer(answer(i));
        }
      }
    }
    if (data.isPresent()) {
      settle(data.get(), deadline);
    }
    if (!abandoned.isDone()) {
      abandoned.look();
      runCleanups(deadline);
    }
    abandoned.giveBack();
  }

  private void runCleanups(Deadline deadline) throws IOException {
    for (var next = abandoned.cleanups(MOST); !next.isEmpty(); next = abandoned.cleanups(MOST)) {
      for (int i = 0; i < next.size(); i++) {
        request(i, next.get(i).nr().number(), next.get(i).words());
      }
      send(next.size(), deadline);
      receive(next.size(), deadline);
    }
  }

  /// Queues cleanup calls, to be made before the next call.
  public void later(List<CleanupCall> more) {
    abandoned.later(more);
  }

  /// Takes the cleanup calls that can no longer be made, because the connection has ended.
  public List<CleanupCall> undone() {
    return abandoned.cleanups(Integer.MAX_VALUE);
  }

  /// Records the last requests as abandoned: their caller has given up.
  private void leave(int count, AbandonedCalls.Late late) {
    int had = count - (owed - fetches);
    for (int i = 0; i < count; i++) {
      if (i < had) {
        abandoned.leave(late, i, answer(i));
      } else {
        abandoned.leave(late, i);
      }
    }
  }

  private void settle(DataSocket socket, Deadline deadline) throws IOException {
    if (writing > 0 && answer(0) != writing) {
      throw lost(true);
    }
    writing = 0;
    do {
      if (!socket.drop(deadline)) {
        throw lost(true);
      }
    } while (fetches > 0 && fetched(socket, deadline) >= 0);
  }

  /// Reads the answer of the next fetch: the size of the data that follows.
  private long fetched(DataSocket socket, Deadline deadline) throws IOException {
    receive(1, deadline);
    fetches--;
    long count = answer(0);
    if (count <= 0 || count > CHUNK) {
      throw lost(true);
    }
    socket.unwanted(count);
    return count;
  }

  /// Frees memory that calls have used, as soon as no call is pending.
  public void giveBack(Block memory) {
    abandoned.keep(memory);
    if (lock.tryLock()) {
      try {
        if (owed == 0 && abandoned.isDone() && !lost) {
          abandoned.giveBack();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /// Writes a request.
  ///
  /// @param arguments at most six; the rest are 0
  public void request(int index, long number, long... arguments) {
    request(requests, index, number, arguments);
  }

  /// Writes a request into the caller's memory.
  public static void request(MemorySegment requests, int index, long number, long... arguments) {
    long at = (long) index * REQUEST;
    requests.set(JAVA_LONG, at, number);
    for (int i = 0; i < ARGUMENTS; i++) {
      requests.set(JAVA_LONG, at + 8 + 8L * i, i < arguments.length ? arguments[i] : 0);
    }
  }

  /// Sends the first requests, and waits for their answers.
  ///
  /// @param late handles answers that come too late
  /// @throws ConnectionLostException if the connection is lost before the answers
  /// @throws dev.caisson.linux.DeadlineException if the answers do not come in time; the calls
  ///   continue
  public void exchange(int count, Deadline deadline, AbandonedCalls.Late late) throws IOException {
    send(count, deadline);
    try {
      receive(count, deadline);
    } catch (IOException given) {
      leave(count, late);
      throw given;
    }
  }

  private void send(int count, Deadline deadline) throws IOException {
    try {
      // Does not block: at most [#MOST] requests are pending, and the socket holds more.
      socket.send(requests.asSlice(0, (long) count * REQUEST), deadline);
    } catch (SystemCallException | IllegalStateException | ClosedChannelException broken) {
      throw lost(false);
    } catch (IOException failure) {
      lost = true;
      throw failure;
    }
    owed += count;
  }

  /// Closes descriptors without waiting for the answers, which the next caller drops. No-op if the
  /// connection is in use or lost.
  ///
  /// @return whether the requests were sent
  public boolean post(int... descriptors) {
    if (!lock.tryLock()) {
      return false;
    }
    try {
      if (lost || data.isPresent() || owed + descriptors.length > MOST) {
        return false;
      }
      for (int i = 0; i < descriptors.length; i++) {
        request(i, SystemCall.CLOSE.number(), descriptors[i]);
      }
      send(descriptors.length, Deadline.in(AT_ONCE));
      return true;
    } catch (IOException gone) {
      return false;
    } finally {
      lock.unlock();
    }
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
      // A whole answer ends its call. After a partial answer, the position in the stream is
      // unknown.
      owed -= have / ANSWER;
      lost |= have % ANSWER != 0;
      throw given;
    }
  }

  /// Whether the process is still in a call.
  public boolean isInCall() {
    if (!lock.tryLock()) {
      return true;
    }
    try {
      settle(Deadline.in(AT_ONCE));
      return false;
    } catch (ConnectionLostException lost) {
      return false;
    } catch (IOException blocked) {
      return true;
    } finally {
      lock.unlock();
    }
  }

  /// Writes a range of this JVM's copy to the process. No-op if the memory is shared.
  public void write(Block memory, ByteRange part, Deadline deadline) throws IOException {
    if (data.isEmpty() || part.isEmpty()) {
      return;
    }
    var socket = data.get();
    requestWrite(memory, part, socket);
    send(1, deadline);
    writing = part.size();
    try {
      socket.send(memory.shadow().asSlice(part.from(), part.size()), deadline);
    } catch (SystemCallException | IllegalStateException | ClosedChannelException broken) {
      throw lost(true);
    } catch (IOException failure) {
      // The amount that was sent is unknown.
      lost = true;
      throw failure;
    }
    receive(1, deadline);
    // The kernel takes less if the process is stopped meanwhile; the rest is still in the socket.
    for (long at = part.from(); answer(0) < writing; receive(1, deadline)) {
      if (answer(0) <= 0) {
        throw lost(true);
      }
      at += answer(0);
      writing -= answer(0);
      requestWrite(memory, new ByteRange(at, part.to()), socket);
      send(1, deadline);
    }
    if (answer(0) != writing) {
      throw lost(true);
    }
    writing = 0;
  }

  private void requestWrite(Block memory, ByteRange part, DataSocket socket) {
    int waitAll = 0x100;
    long address = memory.address() + part.from();
    request(0, SystemCall.RECVFROM.number(), socket.there(), address, part.size(), waitAll);
  }

  /// Makes the call of the first request, and copies the range of memory that it changes to this
  /// JVM, unless the call fails.
  ///
  /// @param late handles the answer if it, or the memory, comes too late
  /// @return what the call returns, or the negated errno
  public long call(Block memory, ByteRange changed, Deadline deadline, AbandonedCalls.Late late)
      throws IOException {
    if (data.isEmpty() || changed.isEmpty()) {
      exchange(1, deadline, late);
      return answer(0);
    }
    boolean atOnce = changed.size() <= CHUNK;
    if (atOnce) {
      requestFetch(1, memory, changed, data.get());
    }
    send(atOnce ? 2 : 1, deadline);
    fetches = atOnce ? 1 : 0;
    try {
      receive(1, deadline);
    } catch (IOException given) {
      leave(1, late);
      throw given;
    }
    long result = answer(0);
    try {
      var rest = new ArrayDeque<ByteRange>();
      if (atOnce) {
        fetch(memory, changed, rest, data.get(), deadline);
      } else if (!Errno.isError(result)) {
        rest.add(changed);
      }
      read(memory, rest, data.get(), deadline);
    } catch (IOException given) {
      abandoned.leave(late, 0, result);
      throw given;
    }
    return result;
  }

  /// Reads a range of memory from the process. No-op if the memory is shared.
  public void read(Block memory, ByteRange part, Deadline deadline) throws IOException {
    if (data.isPresent() && !part.isEmpty()) {
      read(memory, new ArrayDeque<>(List.of(part)), data.get(), deadline);
    }
  }

  /// Reads ranges of memory. Each round fits into the process's socket buffer, so that the two
  /// sides never wait for each other.
  private void read(Block memory, Deque<ByteRange> rest, DataSocket socket, Deadline deadline)
      throws IOException {
    while (!rest.isEmpty()) {
      var asked = new ArrayList<ByteRange>();
      while (asked.size() < MOST / 2 && !rest.isEmpty()) {
        var next = rest.removeFirst();
        long end = Math.min(next.to(), next.from() + CHUNK);
        var chunk = new ByteRange(next.from(), end);
        requestFetch(asked.size(), memory, chunk, socket);
        asked.add(chunk);
        if (end < next.to()) {
          rest.addFirst(new ByteRange(end, next.to()));
        }
      }
      send(asked.size(), deadline);
      fetches = asked.size();
      for (var chunk : asked) {
        fetch(memory, chunk, rest, socket, deadline);
      }
    }
  }

  private void requestFetch(int index, Block memory, ByteRange part, DataSocket socket) {
    int noSignal = 0x4000;
    long address = memory.address() + part.from();
    long number = SystemCall.SENDTO.number();
    request(index, ahead ? number | FLUSH : number, socket.there(), address, part.size(), noSignal);
  }

  /// Reads the data of the next fetch. The kernel sends less if the process is stopped meanwhile.
  private void fetch(
      Block memory, ByteRange part, Deque<ByteRange> rest, DataSocket socket, Deadline deadline)
      throws IOException {
    long count = fetched(socket, deadline);
    if (count > part.size()) {
      throw lost(true);
    }
    socket.unwanted(-count);
    if (!socket.receive(memory.shadow().asSlice(part.from(), count), deadline)) {
      throw lost(true);
    }
    if (count < part.size()) {
      rest.add(new ByteRange(part.from() + count, part.to()));
    }
  }

  private ConnectionLostException lost(boolean submitted) {
    lost = true;
    return new ConnectionLostException(peer, submitted);
  }

  /// An answer to the last requests.
  public long answer(int index) {
    return answers.getAtIndex(JAVA_LONG, index);
  }

  /// Called when the process has ended, or is another program: it no longer writes to the memory.
  public void ended() {
    lock.lock();
    try {
      lost = true;
      abandoned.giveBack();
    } finally {
      lock.unlock();
    }
  }

  /// Ends the wait for answers, even if another process has a copy of the other end.
  public void shutdown() {
    socket.shutdown();
  }

  /// Replaces the socket of a process that continues, and is no longer in a call.
  ///
  /// @param nextData for memory that is not shared
  public void replace(UnixSocket next, Optional<DataSocket> nextData) {
    var before = socket;
    var dataBefore = data;
    before.shutdown();
    lock.lock();
    try {
      socket = next;
      data = nextData;
      owed = 0;
      fetches = 0;
      writing = 0;
      abandoned.forgetUnanswered();
      lost = false;
      abandoned.giveBack();
    } finally {
      lock.unlock();
    }
    before.close();
    dataBefore.ifPresent(DataSocket::close);
  }

  /// Ends the connection, and with it the process, unless it accepts another connection. Returns
  /// after a caller in a call has left it.
  @Override
  public void close() {
    socket.close();
    data.ifPresent(DataSocket::close);
    lock.lock();
    try {
      lost = true;
    } finally {
      lock.unlock();
    }
  }
}
