package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.AbandonedCalls;
import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.Connection;
import dev.caisson.remote.internal.wire.Description;
import dev.caisson.remote.internal.wire.DescriptionReader;
import dev.caisson.remote.internal.wire.DescriptorTable;
import dev.caisson.remote.internal.wire.Sockets;
import dev.caisson.remote.internal.wire.Symbols;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// The exchange between a stub that has connected and its controller, until the process can be
/// used. See `docs/reference/stub-wire.md`.
final class Bootstrap {
  private static final int DESCRIPTION_BY_STDIN = 64;

  private Bootstrap() {}

  /// Makes a process from a stub whose standard input is a socket. Such a stub takes three
  /// descriptors: it gets the memory in place of the socket for passing, and the data socket
  /// becomes the socket for passing after the handshake. The caller keeps the socket.
  ///
  /// @throws StubException if the peer is not a stub, or breaks the protocol
  static Launched byStandardInput(UnixSocket connected, Deadline deadline) throws IOException {
    var memory = AddressSpace.create();
    try (var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var data = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      var given = List.of(calls.theirs().fd(), data.theirs().fd(), memory.file());
      connected.sendmsg(Description.magic(), given, deadline);
      calls.theirs().close();
      data.theirs().close();
      var reader = new DescriptionReader(data.ours(), deadline);
      var head = reader.bytes(DESCRIPTION_BY_STDIN);
      var environment = reader.strings(head.get(JAVA_LONG_UNALIGNED, 56));
      int callsThere = head.get(JAVA_INT_UNALIGNED, 36);
      int dataThere = head.get(JAVA_INT_UNALIGNED, 40);
      int memfd = head.get(JAVA_INT_UNALIGNED, 48);
      var process =
          process(
              head,
              Description.acknowledged(connected),
              new Sockets(calls.ours(), callsThere, data.ours(), dataThere),
              memory,
              memfd,
              List.of(memfd),
              deadline);
      return new Launched(process, List.of(), environment, 0);
    } catch (DeadlineException | SystemCallException | ConnectionLostException failure) {
      memory.close();
      throw new StubException(failure);
    } catch (IOException | RuntimeException failure) {
      memory.close();
      throw failure;
    }
  }

  private static RemoteProcess process(
      MemorySegment head,
      long serverAhead,
      Sockets sockets,
      AddressSpace memory,
      int memfd,
      List<Integer> unneeded,
      Deadline deadline)
      throws IOException {
    int pid = head.get(JAVA_INT_UNALIGNED, 32);
    var connection = new Connection(Sockets.moved(sockets.calls()), serverAhead != 0);
    connection.peer("process " + pid);
    try {
      memory.mappedAt(map(connection, memfd, unneeded, deadline));
    } catch (IOException | RuntimeException failure) {
      connection.close();
      throw failure;
    }
    return process(connection, Symbols.of(head, serverAhead), sockets, memory, pid);
  }

  static RemoteProcess process(
      Connection connection, Symbols symbols, Sockets sockets, AddressSpace memory, int pid) {
    var table = new DescriptorTable("process " + pid);
    table.addSockets(sockets.callsThere(), sockets.passingThere());
    var passing = Sockets.moved(sockets.passing());
    return new RemoteProcess(
        connection,
        memory,
        symbols,
        table,
        process -> LocalTransport.of(process, passing, sockets.passingThere()),
        pid);
  }

  /// Makes a process from a persistent one.
  static RemoteProcess found(
      Symbols symbols, Sockets sockets, AddressSpace memory, int memfd, Deadline deadline)
      throws IOException {
    var connection = new Connection(Sockets.moved(sockets.calls()), true);
    int pid;
    try {
      memory.mappedAt(map(connection, memfd, List.of(memfd), deadline));
      pid = pid(connection, deadline);
    } catch (IOException | RuntimeException failure) {
      connection.close();
      throw failure;
    }
    return process(connection, symbols, sockets, memory, pid);
  }

  static int pid(Connection connection, Deadline deadline) throws IOException {
    connection.lock(deadline);
    try {
      connection.request(0, SystemCall.GETPID.number());
      connection.exchange(1, deadline, AbandonedCalls.Late.DROPPED);
      return (int) connection.answer(0);
    } finally {
      connection.unlock();
    }
  }

  /// Makes the process map the shared memory, and close the descriptors that it no longer needs.
  private static long map(
      Connection connection, int memfd, List<Integer> unneeded, Deadline deadline)
      throws IOException {
    int mapShared = 1;
    return map(connection, mapShared, memfd, unneeded, deadline);
  }

  /// Makes the process map its own memory, and close the descriptors that it no longer needs.
  static long map(Connection connection, List<Integer> unneeded, Deadline deadline)
      throws IOException {
    int mapPrivate = 2;
    int mapAnonymous = 0x20;
    int mapNoreserve = 0x4000;
    return map(connection, mapPrivate | mapAnonymous | mapNoreserve, -1, unneeded, deadline);
  }

  private static long map(
      Connection connection, int flags, int memfd, List<Integer> unneeded, Deadline deadline)
      throws IOException {
    int readAndWrite = 3;
    connection.lock(deadline);
    try {
      connection.request(
          0, SystemCall.MMAP.number(), 0, AddressSpace.SIZE, readAndWrite, flags, memfd);
      for (int i = 0; i < unneeded.size(); i++) {
        connection.request(i + 1, SystemCall.CLOSE.number(), unneeded.get(i));
      }
      connection.exchange(1 + unneeded.size(), deadline, AbandonedCalls.Late.DROPPED);
      return mapped(connection.answer(0));
    } finally {
      connection.unlock();
    }
  }

  /// The address of the mapped memory, unless the answer to `mmap` is an error.
  static long mapped(long answer) throws IOException {
    if (Errno.isError(answer)) {
      if (Errno.find((int) -answer).isEmpty()) {
        throw new StubException("mmap returned unknown errno %d".formatted(-answer));
      }
      throw SystemCallException.of(answer, "mmap", AddressSpace.SIZE);
    }
    return answer;
  }
}
