package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.Connection;
import dev.caisson.remote.internal.wire.Description;
import dev.caisson.remote.internal.wire.Sockets;
import dev.caisson.remote.internal.wire.Symbols;
import dev.caisson.remote.uapi.MsgFlag;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// The exchange between a stub that has connected to a socket of this JVM and its controller, until
/// the process can be used. It has several steps, none of which waits for the stub. See
/// `docs/reference/stub-wire.md`.
///
/// The controller sends descriptors. The stub describes itself, and makes its first calls, which
/// map the memory and close what it no longer needs. For one thread at a time.
public final class Handshake implements AutoCloseable {
  /// How much of a description a step reads at most, in bytes.
  public static final int AT_ONCE = 16 * 1024;

  /// How much memory a description takes at most, in bytes.
  public static final int LARGEST = Description.MOST;

  /// `mmap`, and `close` twice.
  private static final int CALLS = 3;

  /// For sends to an empty socket, which never block.
  private static final Duration AT_ONCE_OR_NEVER = Duration.ZERO;

  private final UnixSocket connected;
  private final Optional<Peer> peer;
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
      Optional<Peer> peer,
      AddressSpace memory,
      UnixSocket.Pair calls,
      UnixSocket.Pair data,
      UnixSocket.Pair passing) {
    this.connected = connected;
    this.peer = peer;
    this.memory = memory;
    this.calls = calls;
    this.data = data;
    this.passing = passing;
  }

  /// The process that has connected, as the kernel reports it.
  ///
  /// @param pidfd empty before Linux 6.5, which does not report it
  private record Peer(int pid, Optional<Fd> pidfd) implements AutoCloseable {
    static Peer of(UnixSocket connected) throws SystemCallException {
      int pid = connected.peerCredentials().pid();
      if (pid == ProcessHandle.current().pid()) {
        // A simulated stub in this JVM must not be killed.
        return new Peer(pid, Optional.empty());
      }
      return new Peer(pid, connected.peerPidfd());
    }

    @Override
    public void close() {
      pidfd.ifPresent(Fd::close);
    }
  }

  /// Sends descriptors to a stub: from this JVM, or from another process.
  @FunctionalInterface
  interface Sender {
    /// Sends copies of descriptors; the caller keeps its own.
    void send(List<Fd> given) throws IOException;

    static Sender here(UnixSocket connected) {
      return given -> connected.sendmsg(Description.magic(), given, Deadline.in(AT_ONCE_OR_NEVER));
    }

    /// Sends descriptors from another process.
    ///
    /// @param process on this machine; gets copies of the descriptors for a moment
    static Sender through(RemoteProcess process, UnixSocket connected) {
      return given -> {
        var all = new ArrayList<>(given);
        all.add(connected.fd());
        // Locked: a copy in a child would keep the connections open.
        synchronized (process.forkLock()) {
          var there = process.transport().give(all);
          try {
            process.sendmsg(
                there.getLast(),
                Description.magic(),
                there.subList(0, given.size()),
                MsgFlag.DONTWAIT);
          } finally {
            there.forEach(RemoteFd::close);
          }
        }
      };
    }
  }

  /// Sends the descriptors to a stub that has connected. Does not block.
  ///
  /// @param connected the caller owns it, and keeps it open until the handshake ends
  /// @throws SystemCallException if resources such as descriptors are exhausted; nothing has been
  ///   sent then
  /// @throws StubException if the stub has disconnected
  public static Handshake begin(UnixSocket connected) throws IOException {
    return begin(connected, Sender.here(connected), Optional.of(Peer.of(connected)));
  }

  /// Sends the descriptors to a stub that has connected, from another process.
  ///
  /// @param process on this machine; gets copies of the descriptors for a moment
  /// @param connected the caller owns it, and keeps it open until the handshake ends
  /// @throws OtherMachineException if the process is on another machine
  /// @throws StubException if the stub has disconnected
  public static Handshake through(RemoteProcess process, UnixSocket connected) throws IOException {
    if (!process.isLocal()) {
      throw new OtherMachineException("cannot make the handshake with a stub of this machine");
    }
    var sender = Sender.through(process, connected);
    return begin(connected, sender, Optional.of(Peer.of(connected)));
  }

  /// For a stub that this JVM starts, at the other end of a socket pair.
  static Handshake withChild(UnixSocket connected) throws IOException {
    return begin(connected, Sender.here(connected), Optional.empty());
  }

  private static Handshake begin(UnixSocket connected, Sender sender, Optional<Peer> peer)
      throws IOException {
    try {
      return send(connected, sender, peer);
    } catch (IOException | RuntimeException failure) {
      peer.ifPresent(Peer::close);
      throw failure;
    }
  }

  private static Handshake send(UnixSocket connected, Sender sender, Optional<Peer> peer)
      throws IOException {
    var memory = AddressSpace.create();
    try {
      var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM);
      try {
        var data = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        try {
          var passing = UnixSocket.socketpair(UnixSocket.Type.STREAM);
          try {
            var handshake = new Handshake(connected, peer, memory, calls, data, passing);
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

  /// The descriptor that becomes readable when the next step can be made. Owned by the handshake.
  public Fd awaited() {
    return (called ? calls : data).ours().fd();
  }

  /// Makes the next step with the bytes that have come. Does not block.
  ///
  /// @param buffer of [#AT_ONCE] bytes, for use during the call
  /// @return the process once it can be used; the caller owns it
  /// @throws StubException if the peer is not a stub, or breaks the protocol
  public Optional<Launched> advance(MemorySegment buffer) throws IOException {
    try {
      if (!called) {
        return describe(buffer);
      }
      return answer();
    } catch (SystemCallException failure) {
      throw new StubException(failure);
    }
  }

  /// Makes all remaining steps, and waits for the stub in between.
  ///
  /// @return the process, which the caller owns
  /// @throws StubException if the peer is not a stub, breaks the protocol, or misses the deadline
  public Launched await(Duration deadline) throws IOException {
    return await(Deadline.in(deadline));
  }

  Launched await(Deadline deadline) throws IOException {
    try (var arena = Arena.ofConfined()) {
      var buffer = arena.allocate(AT_ONCE);
      while (true) {
        awaited().await(Set.of(PollEvent.IN), deadline.remaining(), "bytes");
        var launched = advance(buffer);
        if (launched.isPresent()) {
          return launched.get();
        }
      }
    } catch (DeadlineException late) {
      throw new StubException(late);
    }
  }

  private Optional<Launched> describe(MemorySegment buffer) throws IOException {
    int count = data.ours().recvNow(buffer);
    if (count < 0) {
      throw new StubException("it disconnected before its description was complete");
    }
    description.take(buffer.asSlice(0, count));
    if (description.isComplete()) {
      serverAhead = Description.acknowledged(connected);
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
      // The data socket is only for processes without shared memory.
      Connection.request(requests, 1, close, told(40));
      Connection.request(requests, 2, close, memfd);
      calls.ours().send(requests, Deadline.in(AT_ONCE_OR_NEVER));
    }
  }

  private Optional<Launched> answer() throws IOException {
    int count = calls.ours().recvNow(answers.asSlice(answered));
    if (count < 0) {
      throw new StubException("it disconnected before its first answer");
    }
    answered += count;
    return answered < answers.byteSize() ? Optional.empty() : Optional.of(launched());
  }

  private Launched launched() throws IOException {
    memory.mappedAt(Bootstrap.mapped(answers.get(JAVA_LONG, 0)));
    var head = description.head();
    var connection = new Connection(Sockets.moved(calls.ours()), serverAhead != 0);
    int pid = told(32);
    connection.peer("process " + pid);
    var sockets = new Sockets(calls.ours(), told(36), passing.ours(), told(48));
    var process =
        Bootstrap.process(connection, Symbols.of(head, serverAhead), sockets, memory, pid);
    peer.ifPresent(one -> process.identify(one.pid(), one.pidfd()));
    done = true;
    return new Launched(
        process,
        description.arguments(),
        description.environment(),
        head.get(JAVA_LONG_UNALIGNED, 72));
  }

  /// Aborts the handshake, unless the process can be used. Idempotent.
  @Override
  public void close() {
    calls.close();
    data.close();
    passing.close();
    if (!done) {
      memory.close();
      peer.ifPresent(Peer::close);
    }
  }
}
