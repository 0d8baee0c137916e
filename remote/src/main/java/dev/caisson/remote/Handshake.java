package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.uapi.MsgFlag;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What passes between a stub that has connected and its controller, until the process can be used:
/// step by step, none of which waits for the stub. See `docs/stub-wire.md`.
///
/// The controller sends descriptors, the stub describes itself, and then makes its first calls,
/// which map the memory and close what is not needed any more.
final class Handshake implements AutoCloseable {
  /// How much of a description is read in one step, in bytes.
  static final int AT_ONCE = 16 * 1024;

  /// `mmap`, and two times `close`.
  private static final int CALLS = 3;

  /// For sends to an empty socket, which has room.
  private static final Duration AT_ONCE_OR_NEVER = Duration.ZERO;

  private final UnixSocket connected;
  private final AddressSpace memory;
  private final UnixSocket.Pair calls;
  private final UnixSocket.Pair data;
  private final UnixSocket.Pair passing;
  private final Description description = new Description();
  private final MemorySegment answers = Arena.ofAuto().allocate(CALLS * Connection.ANSWER, 8);
  private long serverAhead;
  private boolean called;
  private long answered;
  private boolean done;

  private Handshake(
      UnixSocket connected,
      AddressSpace memory,
      UnixSocket.Pair calls,
      UnixSocket.Pair data,
      UnixSocket.Pair passing) {
    this.connected = connected;
    this.memory = memory;
    this.calls = calls;
    this.data = data;
    this.passing = passing;
  }

  /// Sends a stub its descriptors: this JVM, or another process.
  @FunctionalInterface
  interface Sender {
    /// Sends copies of descriptors, which stay the caller's.
    void send(List<Fd> given) throws IOException;

    static Sender here(UnixSocket connected) {
      return given -> connected.sendmsg(Bootstrap.MAGIC, given, Deadline.in(AT_ONCE_OR_NEVER));
    }

    /// Sends them by another process.
    ///
    /// @param process on this machine; it is given copies of the descriptors for a moment
    static Sender through(RemoteProcess process, UnixSocket connected) {
      return given -> {
        var all = new ArrayList<>(given);
        all.add(connected.fd());
        // One after the other: a copy in a child would keep the connections open.
        synchronized (process.table()) {
          var there = process.transport().give(all);
          try {
            process.sendmsg(
                there.getLast(), Bootstrap.MAGIC, there.subList(0, given.size()), MsgFlag.DONTWAIT);
          } finally {
            there.forEach(RemoteFd::close);
          }
        }
      };
    }
  }

  /// Sends a stub what it needs.
  ///
  /// @param connected stays the caller's
  /// @param sender sends on that connection
  /// @throws SystemCallException if there are no descriptors for that, for example; nothing has
  ///   been sent then
  /// @throws StubException if the stub has gone
  static Handshake begin(UnixSocket connected, Sender sender) throws IOException {
    var memory = AddressSpace.create();
    try {
      var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM);
      try {
        var data = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        try {
          var passing = UnixSocket.socketpair(UnixSocket.Type.STREAM);
          try {
            var handshake = new Handshake(connected, memory, calls, data, passing);
            handshake.send(sender);
            return handshake;
          } catch (IOException | RuntimeException failure) {
            passing.close();
            throw failure;
          }
        } catch (IOException | RuntimeException failure) {
          data.close();
          throw failure;
        }
      } catch (IOException | RuntimeException failure) {
        calls.close();
        throw failure;
      }
    } catch (IOException | RuntimeException failure) {
      memory.close();
      throw failure;
    }
  }

  private void send(Sender sender) throws IOException {
    var given =
        List.of(calls.theirs().fd(), data.theirs().fd(), memory.file(), passing.theirs().fd());
    try {
      sender.send(given);
    } catch (SystemCallException failure) {
      if (failure.isScarcity()) {
        throw failure;
      }
      throw new StubException(failure);
    }
    calls.theirs().close();
    data.theirs().close();
    passing.theirs().close();
  }

  /// The descriptor that becomes readable when the next step can be made.
  Fd awaited() {
    return (called ? calls : data).ours().fd();
  }

  /// Makes the next step with the bytes that have come. Does not block.
  ///
  /// @param buffer of [#AT_ONCE] bytes, for use during the call
  /// @return the process, when it can be used; the caller's then
  /// @throws StubException if it is no stub, or one that lies
  Optional<Bootstrap.Launched> advance(MemorySegment buffer) throws IOException {
    try {
      if (!called) {
        return describe(buffer);
      }
      return answer();
    } catch (SystemCallException failure) {
      throw new StubException(failure);
    }
  }

  private Optional<Bootstrap.Launched> describe(MemorySegment buffer) throws IOException {
    int count = data.ours().recvNow(buffer);
    if (count < 0) {
      throw new StubException("it went before it had said who it is");
    }
    description.take(buffer.asSlice(0, count));
    if (description.isComplete()) {
      serverAhead = Bootstrap.acknowledged(connected);
      call();
      called = true;
    }
    return Optional.empty();
  }

  private int told(long offset) {
    return description.head().get(JAVA_INT_UNALIGNED, offset);
  }

  private void call() throws IOException {
    int mapShared = 1;
    int readAndWrite = 3;
    int memfd = told(44);
    try (var arena = Arena.ofConfined()) {
      var requests = arena.allocate((long) CALLS * Connection.REQUEST, 8);
      long mmap = SystemCall.MMAP.number();
      long close = SystemCall.CLOSE.number();
      Connection.request(
          requests, 0, mmap, 0, AddressSpace.SIZE, readAndWrite, mapShared, memfd, 0);
      // The data socket is for those who share no memory.
      Connection.request(requests, 1, close, told(40));
      Connection.request(requests, 2, close, memfd);
      calls.ours().send(requests, Deadline.in(AT_ONCE_OR_NEVER));
    }
  }

  private Optional<Bootstrap.Launched> answer() throws IOException {
    int count = calls.ours().recvNow(answers.asSlice(answered));
    if (count < 0) {
      throw new StubException("it went before it had made its first call");
    }
    answered += count;
    return answered < answers.byteSize() ? Optional.empty() : Optional.of(launched());
  }

  private Bootstrap.Launched launched() throws IOException {
    memory.mappedAt(Bootstrap.mapped(answers.get(JAVA_LONG, 0)));
    var head = description.head();
    var connection = new Connection(Sockets.moved(calls.ours()), serverAhead != 0);
    int pid = told(32);
    connection.peer("process " + pid);
    var sockets = new Sockets(calls.ours(), told(36), passing.ours(), told(48));
    var process =
        Bootstrap.process(connection, Bootstrap.symbols(head, serverAhead), sockets, memory, pid);
    done = true;
    return new Bootstrap.Launched(
        process,
        description.arguments(),
        description.environment(),
        head.get(JAVA_LONG_UNALIGNED, 72));
  }

  /// Breaks the handshake off, unless the process can be used. Idempotent.
  @Override
  public void close() {
    calls.close();
    data.close();
    passing.close();
    if (!done) {
      memory.close();
    }
  }
}
