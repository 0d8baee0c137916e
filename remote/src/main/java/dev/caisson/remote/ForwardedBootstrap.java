package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.Connection;
import dev.caisson.remote.internal.wire.DataSocket;
import dev.caisson.remote.internal.wire.Description;
import dev.caisson.remote.internal.wire.DescriptionReader;
import dev.caisson.remote.internal.wire.DescriptorTable;
import dev.caisson.remote.internal.wire.ForwardedListener;
import dev.caisson.remote.internal.wire.Sockets;
import dev.caisson.remote.internal.wire.Symbols;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedChannelException;
import java.util.Arrays;
import java.util.List;

/// The handshake with a stub on another machine, over connections that ssh forwards. They carry
/// only bytes, so memory cannot be shared. See `docs/reference/stub-wire.md`.
final class ForwardedBootstrap {
  /// Requests the extension, and its acknowledgement over the data socket.
  static final byte[] MAGIC_OVER_DATA = {'c', 'a', 'i', 's', 's', 'o', 'n', 2};

  /// Tells a stub that its connection cannot carry descriptors.
  private static final byte[] FORWARDED = {2};

  private ForwardedBootstrap() {}

  /// Makes a process from a stub that connects by itself: first for calls and, once it is told, for
  /// data.
  ///
  /// @param expected the stub's connections
  /// @param gateway where the processes on that machine connect
  /// @throws StubException if the peer is not a stub, or breaks the protocol
  static Launched connecting(
      ForwardedListener.Expected expected, ForwardedTransport.Gateway gateway, Deadline deadline)
      throws IOException {
    try (var calls = expected.await(deadline)) {
      calls.sendmsg(FORWARDED, List.of(), deadline);
      try (var data = expected.await(deadline)) {
        var reader = new DescriptionReader(data, deadline);
        var told = Told.by(reader, Description.magic());
        if (told.serverAhead == 0) {
          throw new StubException("it does not support the extension; use a current stub");
        }
        return launched(calls, data, reader, told, List.of(), gateway, deadline);
      }
    } catch (ClosedChannelException | IllegalStateException failure) {
      throw new StubException("the forwarded connection was closed");
    } catch (DeadlineException | SystemCallException | ConnectionLostException failure) {
      throw new StubException(failure);
    }
  }

  /// Makes a process from a stub that another process of its machine has sent two connections, and
  /// the descriptor of the forwarded socket.
  ///
  /// @param ends closed by the caller, whether this fails or not
  /// @param listener where the stub's connections arrive
  /// @throws StubException if the peer is not a stub, or breaks the protocol
  static Launched given(Transport.Ends ends, ForwardedListener listener, Deadline deadline)
      throws IOException {
    try {
      var reader = new DescriptionReader(ends.second(), deadline);
      var told = Told.by(reader, MAGIC_OVER_DATA);
      var gateway = new ForwardedTransport.Gateway(listener, told.number(44));
      // The fourth descriptor is a placeholder.
      var unneeded = List.of(told.number(48));
      return launched(ends.calls(), ends.second(), reader, told, unneeded, gateway, deadline);
    } catch (ClosedChannelException | IllegalStateException failure) {
      throw new StubException("the forwarded connection was closed");
    } catch (DeadlineException | SystemCallException | ConnectionLostException failure) {
      throw new StubException(failure);
    }
  }

  /// The stub's answer: whether it supports the extension, and its description.
  private record Told(long serverAhead, MemorySegment head) {
    static Told by(DescriptionReader reader, byte[] magic) throws IOException {
      // Without the extension, the description starts with an address, which never equals the
      // magic.
      var first = reader.bytes(magic.length);
      if (Arrays.equals(Call.bytes(first, magic.length), magic)) {
        long serverAhead = reader.bytes(Long.BYTES).get(JAVA_LONG_UNALIGNED, 0);
        return new Told(serverAhead, reader.bytes(Description.SIZE));
      }
      var head = MemorySegment.ofArray(new byte[Description.SIZE]);
      var rest = reader.bytes(Description.SIZE - magic.length);
      MemorySegment.copy(first, 0, head, 0, magic.length);
      MemorySegment.copy(rest, 0, head, magic.length, rest.byteSize());
      return new Told(0, head);
    }

    int number(long offset) {
      return head.get(JAVA_INT_UNALIGNED, offset);
    }

    long count(long offset) {
      return head.get(JAVA_LONG_UNALIGNED, offset);
    }
  }

  private static Launched launched(
      UnixSocket calls,
      UnixSocket data,
      DescriptionReader reader,
      Told told,
      List<Integer> unneeded,
      ForwardedTransport.Gateway gateway,
      Deadline deadline)
      throws IOException {
    var arguments = reader.strings(told.count(56));
    var environment = reader.strings(told.count(64));
    var process = process(calls, data, told, unneeded, gateway, deadline);
    return new Launched(process, arguments, environment, told.count(72));
  }

  private static RemoteProcess process(
      UnixSocket calls,
      UnixSocket data,
      Told told,
      List<Integer> unneeded,
      ForwardedTransport.Gateway gateway,
      Deadline deadline)
      throws IOException {
    int pid = told.number(32);
    int callsThere = told.number(36);
    int dataThere = told.number(40);
    var dataSocket = new DataSocket(Sockets.moved(data), dataThere);
    var connection = new Connection(Sockets.moved(calls), told.serverAhead != 0, dataSocket);
    var symbols = Symbols.of(told.head, told.serverAhead);
    return process(
        connection, symbols, pid, List.of(callsThere, dataThere), unneeded, gateway, deadline);
  }

  /// Makes a process from a persistent one that has been given connections.
  ///
  /// @param ends closed by the caller, whether this fails or not
  /// @param numbers the numbers, on the other machine, of the sockets for calls and for data
  static RemoteProcess found(
      Transport.Ends ends,
      List<Integer> numbers,
      Symbols symbols,
      ForwardedTransport.Gateway gateway,
      Deadline deadline)
      throws IOException {
    var data = new DataSocket(Sockets.moved(ends.second()), numbers.get(1));
    var connection = new Connection(Sockets.moved(ends.calls()), true, data);
    int pid;
    try {
      pid = Bootstrap.pid(connection, deadline);
    } catch (IOException | RuntimeException failure) {
      connection.close();
      throw failure;
    }
    var sockets = List.of(numbers.getFirst(), numbers.get(1));
    return process(connection, symbols, pid, sockets, List.of(), gateway, deadline);
  }

  /// Makes a process from a connection to a server of calls.
  ///
  /// @param connection closed if this fails
  /// @param sockets the numbers, on the other machine, of the sockets for calls and for data
  /// @param unneeded the numbers of descriptors to close
  private static RemoteProcess process(
      Connection connection,
      Symbols symbols,
      int pid,
      List<Integer> sockets,
      List<Integer> unneeded,
      ForwardedTransport.Gateway gateway,
      Deadline deadline)
      throws IOException {
    connection.peer("process " + pid);
    AddressSpace memory;
    try {
      memory = AddressSpace.copy();
    } catch (IOException | RuntimeException failure) {
      connection.close();
      throw failure;
    }
    try {
      memory.mappedAt(Bootstrap.map(connection, unneeded, deadline));
      var table = new DescriptorTable("process " + pid);
      table.addSockets(sockets.getFirst(), sockets.getLast());
      return new RemoteProcess(
          connection, memory, symbols, table, one -> new ForwardedTransport(one, gateway), pid);
    } catch (IOException | RuntimeException failure) {
      connection.close();
      memory.close();
      throw failure;
    }
  }
}
