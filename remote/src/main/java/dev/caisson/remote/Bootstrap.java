package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What is said between a stub that has connected and its controller, until the process can be
/// used. See `docs/stub-wire.md`.
final class Bootstrap {
  /// The first byte is upstream's, which nobody reads; the rest asks for the extension.
  static final byte[] MAGIC = {'c', 'a', 'i', 's', 's', 'o', 'n', 1};

  static final int ACKNOWLEDGEMENT = 16;
  static final int DESCRIPTION = 80;
  private static final int DESCRIPTION_BY_STDIN = 64;

  /// What the kernel allows for one string (MAX_ARG_STRLEN), and for all together.
  private static final int LONGEST = 32 * 4096;

  static final int MOST = 6 << 20;

  /// A process as it is when it has been launched.
  ///
  /// @param sigmask bit n - 1 is set if signal n is blocked
  record Launched(
      RemoteProcess process, List<byte[]> arguments, List<byte[]> environment, long sigmask) {}

  private Bootstrap() {}

  /// Makes a process of whoever has connected. The socket stays the caller's.
  ///
  /// @throws StubException if it is no stub, or one that lies
  static Launched launched(UnixSocket connected, Deadline deadline) throws IOException {
    return launched(connected, Handshake.Sender.here(connected), deadline);
  }

  /// Makes a process of a peer that has connected, by descriptors that another process sends.
  ///
  /// @throws StubException if it is not a stub, or one that lies
  static Launched launched(UnixSocket connected, Handshake.Sender sender, Deadline deadline)
      throws IOException {
    try (var handshake = Handshake.begin(connected, sender);
        var arena = Arena.ofConfined()) {
      var buffer = arena.allocate(Handshake.AT_ONCE);
      while (true) {
        handshake.awaited().await(Set.of(PollEvent.IN), deadline.remaining(), "bytes");
        var launched = handshake.advance(buffer);
        if (launched.isPresent()) {
          return launched.get();
        }
      }
    } catch (DeadlineException late) {
      throw new StubException(late);
    }
  }

  /// The environment as text; of a variable that is there twice, the first.
  static Map<String, String> variables(List<byte[]> environment) {
    var all = new LinkedHashMap<String, String>();
    for (var bytes : environment) {
      var text = PathBytes.decode(bytes);
      int equals = text.indexOf('=', 1);
      if (equals > 0) {
        all.putIfAbsent(text.substring(0, equals), text.substring(equals + 1));
      }
    }
    return all;
  }

  /// Whether the extension is there: it has been acknowledged before anything was described.
  static long acknowledged(UnixSocket connected) throws IOException {
    var received = connected.recvmsgNow(ACKNOWLEDGEMENT);
    if (received.isEmpty()) {
      return 0;
    }
    Fd.closeAll(received.get().descriptors());
    var data = received.get().data();
    if (data.length < ACKNOWLEDGEMENT || !Arrays.equals(data, 0, 8, MAGIC, 0, 8)) {
      return 0;
    }
    return MemorySegment.ofArray(data).get(JAVA_LONG_UNALIGNED, 8);
  }

  /// Makes a process of a stub that has a socket as its standard input. Three descriptors is what
  /// it takes: the one that it would pass others over is the memory, and the one for data, when all
  /// has been told, is that for passing. The socket stays the caller's.
  ///
  /// @throws StubException if it is no stub, or one that lies
  static Launched byStandardInput(UnixSocket connected, Deadline deadline) throws IOException {
    var memory = AddressSpace.create();
    try (var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var data = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      var given = List.of(calls.theirs().fd(), data.theirs().fd(), memory.file());
      connected.sendmsg(MAGIC, given, deadline);
      calls.theirs().close();
      data.theirs().close();
      var reader = new Reader(data.ours(), deadline);
      var head = reader.bytes(DESCRIPTION_BY_STDIN);
      var environment = reader.strings(head.get(JAVA_LONG_UNALIGNED, 56));
      int callsThere = head.get(JAVA_INT_UNALIGNED, 36);
      int dataThere = head.get(JAVA_INT_UNALIGNED, 40);
      int memfd = head.get(JAVA_INT_UNALIGNED, 48);
      var process =
          process(
              head,
              acknowledged(connected),
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

  static Symbols symbols(MemorySegment head, long serverAhead) {
    return new Symbols(
        head.get(JAVA_LONG_UNALIGNED, 0),
        head.get(JAVA_LONG_UNALIGNED, 8),
        head.get(JAVA_LONG_UNALIGNED, 16),
        head.get(JAVA_LONG_UNALIGNED, 24),
        serverAhead);
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
    return process(connection, symbols(head, serverAhead), sockets, memory, pid);
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

  /// Makes a process of a persistent one.
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

  /// Has the process map the memory, and close what it does not need from then on.
  private static long map(
      Connection connection, int memfd, List<Integer> unneeded, Deadline deadline)
      throws IOException {
    int mapShared = 1;
    return map(connection, mapShared, memfd, unneeded, deadline);
  }

  /// Has the process map memory of its own, and close what it does not need from then on.
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

  /// Where the memory is, if an answer to `mmap` is no error.
  static long mapped(long answer) throws IOException {
    if (answer < 0 && answer >= -4095) {
      if (Errno.find((int) -answer).isEmpty()) {
        throw new StubException("it answers with errno %d, which is none".formatted(-answer));
      }
      throw SystemCallException.of(answer, "mmap", AddressSpace.SIZE);
    }
    return answer;
  }

  /// Refuses a number of strings that no kernel allows.
  static void checkCount(long count) throws StubException {
    if (count < 0 || count > MOST / 8) {
      throw new StubException("it says that it has %d strings".formatted(count));
    }
  }

  /// Refuses the length of a string that no kernel allows.
  ///
  /// @param left how long all of them may yet be
  static void checkLength(long length, long left) throws StubException {
    if (length < 0 || length > LONGEST || length > left) {
      throw new StubException("it says that a string has %d bytes".formatted(length));
    }
  }

  /// Reads what a stub says of itself, which may be anything, and little at a time of what is much.
  static final class Reader {
    private static final int AT_ONCE = 16 * 1024;

    private final UnixSocket socket;
    private final Deadline deadline;
    private final MemorySegment buffer = Arena.ofAuto().allocate(AT_ONCE);
    private long from;
    private long to;
    private int left = MOST;

    Reader(UnixSocket socket, Deadline deadline) {
      this.socket = socket;
      this.deadline = deadline;
    }

    MemorySegment bytes(int count) throws IOException {
      var bytes = MemorySegment.ofArray(new byte[count]);
      for (long have = 0; have < count; ) {
        if (from == to) {
          fill();
        }
        long more = Math.min(count - have, to - from);
        MemorySegment.copy(buffer, from, bytes, have, more);
        have += more;
        from += more;
      }
      return bytes;
    }

    private void fill() throws IOException {
      int more = socket.recv(buffer, deadline);
      if (more < 0) {
        throw new StubException("it went before it had said who it is");
      }
      from = 0;
      to = more;
    }

    List<byte[]> strings(long count) throws IOException {
      checkCount(count);
      var all = new ArrayList<byte[]>();
      for (long i = 0; i < count; i++) {
        long length = bytes(8).get(JAVA_LONG_UNALIGNED, 0);
        checkLength(length, left);
        left -= (int) length + 8;
        all.add((byte[]) bytes((int) length).heapBase().orElseThrow());
      }
      return all;
    }
  }
}
