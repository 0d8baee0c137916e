package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.DataSocket;
import dev.caisson.remote.internal.wire.DescriptionReader;
import dev.caisson.remote.internal.wire.Sockets;
import dev.caisson.remote.internal.wire.Symbols;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The exchange between a persistent process and a controller that connects to it. See
/// `docs/reference/stub-wire.md`.
///
/// The connection is made by this JVM, or by another process: [PersistentSocket].
final class Reconnection {
  /// Added to the number of descriptors: requests the addresses, and the extension.
  static final int DESCRIBED = 0x100;

  static final int SYMBOLS = 48;

  private Reconnection() {}

  /// The answer of the process.
  ///
  /// @param numbers of the given descriptors in the process
  /// @param symbols with the extension; all zero if not requested
  record Answer(List<Integer> numbers, Symbols symbols, int listener) {}

  /// New ends for a process that this JVM already knows.
  ///
  /// @param data for memory that is not shared
  /// @param calls the number of the other end for calls
  /// @param second the number of the other end for passing, or for data
  record Ends(
      UnixSocket socket, Optional<DataSocket> data, Transport link, int calls, int second) {}

  /// A process that this JVM did not know before.
  record Found(RemoteProcess process, int calls, int second) {}

  static Ends again(Path path, RemoteProcess process, Deadline deadline) throws IOException {
    try (var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var passing = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      var given = List.of(calls.theirs().fd(), passing.theirs().fd());
      var numbers = exchange(path, given, process.connection().ahead(), deadline).numbers();
      return local(process, calls.ours(), passing.ours(), numbers);
    }
  }

  private static Ends local(
      RemoteProcess process, UnixSocket calls, UnixSocket passing, List<Integer> numbers) {
    var link = LocalTransport.of(process.calls(), Sockets.moved(passing), numbers.get(1));
    var socket = Sockets.moved(calls);
    return new Ends(socket, Optional.empty(), link, numbers.getFirst(), numbers.get(1));
  }

  /// @param through connects, and sees the socket's path
  static Ends again(Path path, RemoteProcess process, RemoteProcess through, Deadline deadline)
      throws IOException {
    boolean ahead = process.connection().ahead();
    var ends = through.transport().open();
    try (ends) {
      var given = new ArrayList<>(List.of(ends.callsThere().number(), ends.secondThere().number()));
      if (!(through.transport() instanceof ForwardedTransport forwarding)) {
        var numbers = PersistentSocket.exchange(through, path, given, ahead, deadline).numbers();
        return local(process, ends.calls(), ends.second(), numbers);
      }
      given.add(forwarding.gateway().there());
      var numbers = PersistentSocket.exchange(through, path, given, ahead, deadline).numbers();
      var listener = forwarding.gateway().listener();
      var link =
          new ForwardedTransport(
              process.calls(), new ForwardedTransport.Gateway(listener, numbers.getLast()));
      var data = new DataSocket(Sockets.moved(ends.second()), numbers.get(1));
      var socket = Sockets.moved(ends.calls());
      return new Ends(socket, Optional.of(data), link, numbers.getFirst(), numbers.get(1));
    } finally {
      ends.closeThere();
    }
  }

  static Found found(Path path, Deadline deadline) throws IOException {
    var memory = AddressSpace.create();
    try (var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var passing = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      var given = List.of(calls.theirs().fd(), passing.theirs().fd(), memory.file());
      var answer = exchange(path, given, true, deadline);
      calls.theirs().close();
      passing.theirs().close();
      return local(answer, calls.ours(), passing.ours(), memory, deadline);
    } catch (IOException | RuntimeException failure) {
      memory.close();
      throw failure;
    }
  }

  private static Found local(
      Answer answer, UnixSocket calls, UnixSocket passing, AddressSpace memory, Deadline deadline)
      throws IOException {
    var numbers = answer.numbers();
    var sockets = new Sockets(calls, numbers.getFirst(), passing, numbers.get(1));
    var process = Bootstrap.found(answer.symbols(), sockets, memory, numbers.getLast(), deadline);
    process.table().addSockets(answer.listener(), answer.listener());
    return new Found(process, numbers.getFirst(), numbers.get(1));
  }

  /// @param through connects, and sees the socket's path
  static Found found(Path path, RemoteProcess through, Deadline deadline) throws IOException {
    var ends = through.transport().open();
    try (ends) {
      var given = new ArrayList<>(List.of(ends.callsThere().number(), ends.secondThere().number()));
      if (through.transport() instanceof ForwardedTransport forwarding) {
        given.add(forwarding.gateway().there());
        var answer = PersistentSocket.exchange(through, path, given, true, deadline);
        var numbers = answer.numbers();
        var gateway =
            new ForwardedTransport.Gateway(forwarding.gateway().listener(), numbers.getLast());
        var process = ForwardedBootstrap.found(ends, numbers, answer.symbols(), gateway, deadline);
        process.table().addSockets(answer.listener(), answer.listener());
        return new Found(process, numbers.getFirst(), numbers.get(1));
      }
      var memory = AddressSpace.create();
      try (var file = through.give(memory.file())) {
        given.add(file.number());
        var answer = PersistentSocket.exchange(through, path, given, true, deadline);
        return local(answer, ends.calls(), ends.second(), memory, deadline);
      } catch (IOException | RuntimeException failure) {
        memory.close();
        throw failure;
      }
    } finally {
      ends.closeThere();
    }
  }

  private static Answer exchange(Path path, List<Fd> given, boolean described, Deadline deadline)
      throws IOException {
    if (deadline.expired()) {
      throw deadline.exception("the process that listens at " + path);
    }
    try (var connected = UnixSocket.connect(UnixSocket.Type.STREAM, path, deadline.remaining())) {
      connected.sendmsg(count(given.size(), described), List.of(), deadline);
      connected.sendmsg(new byte[1], given, deadline);
      var reader = new DescriptionReader(connected, deadline);
      var told = reader.bytes(Integer.BYTES * given.size());
      return answer(told, described ? reader.bytes(SYMBOLS) : Call.room(SYMBOLS));
    } catch (StubException ended) {
      throw new ProcessEndedException(path, ended);
    } catch (SystemCallException failure) {
      throw explained(path, failure, deadline);
    }
  }

  /// The first message: the number of the descriptors that follow.
  static byte[] count(int given, boolean described) {
    var count = new byte[Integer.BYTES];
    MemorySegment.ofArray(count).set(JAVA_INT_UNALIGNED, 0, described ? given | DESCRIBED : given);
    return count;
  }

  static Answer answer(MemorySegment told, MemorySegment symbols) {
    var numbers = new ArrayList<Integer>();
    for (long at = 0; at < told.byteSize(); at += Integer.BYTES) {
      numbers.add(told.get(JAVA_INT_UNALIGNED, at));
    }
    return new Answer(
        numbers,
        Symbols.of(symbols, symbols.get(JAVA_LONG_UNALIGNED, 32)),
        (int) symbols.get(JAVA_LONG_UNALIGNED, 40));
  }

  /// Translates the failure of a call on the connection.
  static IOException explained(Path path, SystemCallException failure, Deadline deadline) {
    if (failure.errno().equals(Errno.EAGAIN)) {
      return deadline.exception(
          "a connection to the process at %s, which serves other controllers".formatted(path));
    }
    return hasEnded(failure.errno()) ? new ProcessEndedException(path, failure) : failure;
  }

  private static boolean hasEnded(Errno errno) {
    return errno.equals(Errno.ENOENT)
        || errno.equals(Errno.ECONNREFUSED)
        || errno.equals(Errno.ECONNRESET)
        || errno.equals(Errno.EPIPE);
  }
}
