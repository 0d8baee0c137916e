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

/// How calls get to a process and their results back: a request of 56 bytes, an answer of 8, in
/// order. See `docs/reference/stub-wire.md`.
///
/// Whoever uses it holds its lock: a process makes one call at a time. The results of a caller who
/// waits for them no longer are read by the next, who then does what they give cause to.
public final class Connection implements AutoCloseable {
  /// The most requests without an answer: far fewer than both sockets hold.
  public static final int MOST = 128;

  public static final int REQUEST = 56;
  private static final int ARGUMENTS = 6;
  public static final int ANSWER = 8;

  /// In the upper half of a number: what has been answered goes out before the call is made.
  public static final long FLUSH = 1L << 32;

  /// How much memory is read at once: less than any socket holds.
  private static final int CHUNK = 32 * 1024;

  /// What a process needs for what does not block, if it is not in a call already.
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

  /// How many of those that are owed last tell how much comes over the data socket.
  private int fetches;

  /// How much the only one that is owed must tell to have been written.
  private long writing;

  private boolean lost;

  private final AbandonedCalls abandoned = new AbandonedCalls();

  /// @param ahead whether the other side speaks the extension
  public Connection(UnixSocket socket, boolean ahead) {
    this(socket, ahead, Optional.empty());
  }

  /// One to a process that has no memory in common with this JVM.
  ///
  /// @param ahead whether the other side speaks the extension
  public Connection(UnixSocket socket, boolean ahead, DataSocket data) {
    this(socket, ahead, Optional.of(data));
  }

  private Connection(UnixSocket socket, boolean ahead, Optional<DataSocket> data) {
    this.socket = socket;
    this.ahead = ahead;
    this.data = data;
    // Who waits for a child on another machine takes it again and again.
    this.lock = new ReentrantLock(data.isPresent());
  }

  /// Says whom it leads to, for messages.
  public void peer(String name) {
    peer = name;
  }

  public boolean ahead() {
    return ahead;
  }

  /// Waits until nobody else uses it, and nothing is on its way: what others have given to the
  /// process is then theirs no longer.
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
        // Also those that have come before the rest was late.
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

  /// Has something done before the next call is made.
  public void later(List<CleanupCall> more) {
    abandoned.later(more);
  }

  /// What nobody has done yet, nor will: the connection is at its end.
  public List<CleanupCall> undone() {
    return abandoned.cleanups(Integer.MAX_VALUE);
  }

  /// The one who has sent the last requests waits no longer.
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

  /// The answer of the next fetch: so much comes then.
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

  /// Gives memory back that calls have used, as soon as none of them is under way any more.
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

  /// Puts a request together.
  ///
  /// @param arguments six at most; the others are 0
  public void request(int index, long number, long... arguments) {
    request(requests, index, number, arguments);
  }

  /// Puts a request together, in memory of the caller's.
  public static void request(MemorySegment requests, int index, long number, long... arguments) {
    long at = (long) index * REQUEST;
    requests.set(JAVA_LONG, at, number);
    for (int i = 0; i < ARGUMENTS; i++) {
      requests.set(JAVA_LONG, at + 8 + 8L * i, i < arguments.length ? arguments[i] : 0);
    }
  }

  /// Sends the first requests, and waits for their answers.
  ///
  /// @param late what becomes of those that come too late
  /// @throws ConnectionLostException if there is no answer, nor will be
  /// @throws dev.caisson.linux.DeadlineException if there is none in time; the calls go on
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

  /// Has descriptors closed, by requests whose answers nobody waits for: the next who uses it drops
  /// them. Nothing if it is in use, or lost.
  ///
  /// @return whether that will be done
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
      // Whole answers are of calls that are over; of a part, the rest cannot be told from the next.
      owed -= have / ANSWER;
      lost |= have % ANSWER != 0;
      throw given;
    }
  }

  /// Whether answers are due that may come yet.
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

  /// Writes a part of memory, as it is here, to the process. Nothing if they have it in common.
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
      // Nobody knows how much has been sent.
      lost = true;
      throw failure;
    }
    receive(1, deadline);
    // The kernel takes less if the process is stopped meanwhile; the rest is there.
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

  /// Makes the call that is the first request, and has the part of memory here that it changes,
  /// unless it fails.
  ///
  /// @param late what becomes of its answer if that, or the memory, comes too late
  /// @return what it returns, or the negated errno
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

  /// Reads a part of memory from the process. Nothing if they have it in common.
  public void read(Block memory, ByteRange part, Deadline deadline) throws IOException {
    if (data.isPresent() && !part.isEmpty()) {
      read(memory, new ArrayDeque<>(List.of(part)), data.get(), deadline);
    }
  }

  /// Reads parts of memory: so much at a time as fits into the process's socket, so that it never
  /// waits for this side while this side waits for it.
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

  /// Takes what the next fetch brings. The kernel sends less if the process is stopped meanwhile.
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

  /// Says that the process has ended, or is another program: nothing of it writes to memory any
  /// more.
  public void ended() {
    lock.lock();
    try {
      lost = true;
      abandoned.giveBack();
    } finally {
      lock.unlock();
    }
  }

  /// Says that there will be no more answers, though somebody may have a copy of the other end.
  public void shutdown() {
    socket.shutdown();
  }

  /// Goes on with another socket, of a process that goes on, and is in no call any more.
  ///
  /// @param nextData for memory that is not in common
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

  /// Ends it, and with it the process, unless that goes on with another. Whoever is in a call has
  /// left it then.
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
