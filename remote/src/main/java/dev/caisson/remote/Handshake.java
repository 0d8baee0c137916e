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

/// What passes between a stub that has connected to a socket of this JVM and its controller, until
/// the process can be used: step by step, none of which waits for the stub. See
/// `docs/reference/stub-wire.md`.
///
/// The controller sends descriptors, the stub describes itself, and then makes its first calls,
/// which map the memory and close what is not needed any more. For one thread at a time.
public final class Handshake implements AutoCloseable {
  /// How much of a description is read in one step, in bytes.
  public static final int AT_ONCE = 16 * 1024;

  /// How much memory a description can take, in bytes.
  public static final int LARGEST = Description.MOST;

  /// `mmap`, and two times `close`.
  private static final int CALLS = 3;

  /// For sends to an empty socket, which has room.
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

  /// Who has connected, as the kernel tells.
  ///
  /// @param pidfd none if the kernel does not tell: Linux before 6.5
  private record Peer(int pid, Optional<Fd> pidfd) implements AutoCloseable {
    static Peer of(UnixSocket connected) throws SystemCallException {
      int pid = connected.peerCredentials().pid();
      if (pid == ProcessHandle.current().pid()) {
        // One that plays a stub in this JVM is not to be killed.
        return new Peer(pid, Optional.empty());
      }
      return new Peer(pid, connected.peerPidfd());
    }

    @Override
    public void close() {
      pidfd.ifPresent(Fd::close);
    }
  }

  /// Sends a stub its descriptors: this JVM, or another process.
  @FunctionalInterface
  interface Sender {
    /// Sends copies of descriptors, which stay the caller's.
    void send(List<Fd> given) throws IOException;

    static Sender here(UnixSocket connected) {
      return given -> connected.sendmsg(Description.magic(), given, Deadline.in(AT_ONCE_OR_NEVER));
    }

    /// Sends them by another process.
    ///
    /// @param process on this machine; it is given copies of the descriptors for a moment
    static Sender through(RemoteProcess process, UnixSocket connected) {
      return given -> {
        var all = new ArrayList<>(given);
        all.add(connected.fd());
        // One after the other: a copy in a child would keep the connections open.
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

  /// Sends a stub that has connected what it needs. Does not block.
  ///
  /// @param connected stays the caller's, who keeps it open meanwhile
  /// @throws SystemCallException if there are no descriptors for that, for example; nothing has
  ///   been sent then
  /// @throws StubException if the stub has gone
  public static Handshake begin(UnixSocket connected) throws IOException {
    return begin(connected, Sender.here(connected), Optional.of(Peer.of(connected)));
  }

  /// Has a process send a stub that has connected what it needs.
  ///
  /// @param process on this machine; it is given copies of the descriptors for a moment
  /// @param connected stays the caller's, who keeps it open meanwhile
  /// @throws OtherMachineException if the process is on another machine
  /// @throws StubException if the stub has gone
  public static Handshake through(RemoteProcess process, UnixSocket connected) throws IOException {
    if (!process.isLocal()) {
      throw new OtherMachineException("the handshake of a stub of this machine cannot be made");
    }
    var sender = Sender.through(process, connected);
    return begin(connected, sender, Optional.of(Peer.of(connected)));
  }

  /// With a stub at the other end of a socket that this JVM has made.
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

  /// The descriptor that becomes readable when the next step can be made. It stays this one's.
  public Fd awaited() {
    return (called ? calls : data).ours().fd();
  }

  /// Makes the next step with the bytes that have come. Does not block.
  ///
  /// @param buffer of [#AT_ONCE] bytes, for use during the call
  /// @return the process, when it can be used; the caller's then
  /// @throws StubException if it is no stub, or one that lies
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

  /// Makes all steps that are left, and waits for the stub in between.
  ///
  /// @return the process; the caller's then
  /// @throws StubException if it is no stub, or one that lies, or has not told all in time
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
      throw new StubException("it went before it had said who it is");
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
      // The data socket is for those who share no memory.
      Connection.request(requests, 1, close, told(40));
      Connection.request(requests, 2, close, memfd);
      calls.ours().send(requests, Deadline.in(AT_ONCE_OR_NEVER));
    }
  }

  private Optional<Launched> answer() throws IOException {
    int count = calls.ours().recvNow(answers.asSlice(answered));
    if (count < 0) {
      throw new StubException("it went before it had made its first call");
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

  /// Breaks the handshake off, unless the process can be used. Idempotent.
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
