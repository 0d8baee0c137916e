package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// What is said between a persistent process and who connects to it. See `docs/stub-wire.md`.
final class Reconnection {
  /// Added to the number of descriptors: asks for the addresses, and for the extension.
  private static final int DESCRIBED = 0x100;

  private static final int SYMBOLS = 48;

  private Reconnection() {}

  /// What the process has answered.
  ///
  /// @param symbols with the extension, or nothing
  private record Answer(List<Integer> numbers, Symbols symbols, int listener) {}

  /// New ends for one that is known.
  ///
  /// @param calls the numbers of the other ends
  record Ends(UnixSocket socket, Link link, int calls, int passing) {}

  /// One that was not known before.
  record Found(RemoteProcess process, int calls, int passing) {}

  static Ends again(Path path, RemoteProcess process, Deadline deadline) throws IOException {
    try (var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var passing = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      var given = List.of(calls.theirs().fd(), passing.theirs().fd());
      boolean described = process.connection().ahead();
      var numbers = exchange(path, given, described, deadline).numbers();
      var link = Passing.of(process, Bootstrap.moved(passing.ours()), numbers.getLast());
      var socket = Bootstrap.moved(calls.ours());
      return new Ends(socket, link, numbers.getFirst(), numbers.getLast());
    }
  }

  static Found found(Path path, AddressSpace memory, Deadline deadline) throws IOException {
    try (var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var passing = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      var given = List.of(calls.theirs().fd(), passing.theirs().fd(), memory.file());
      var answer = exchange(path, given, true, deadline);
      calls.theirs().close();
      passing.theirs().close();
      var numbers = answer.numbers();
      var sockets =
          new Bootstrap.Sockets(calls.ours(), numbers.getFirst(), passing.ours(), numbers.get(1));
      var process = Bootstrap.found(answer.symbols(), sockets, memory, numbers.getLast(), deadline);
      process.table().addSockets(answer.listener(), answer.listener());
      return new Found(process, numbers.getFirst(), numbers.get(1));
    }
  }

  private static Answer exchange(Path path, List<Fd> given, boolean described, Deadline deadline)
      throws IOException {
    if (deadline.expired()) {
      throw deadline.exception("the process that listens at " + path);
    }
    try (var connected = UnixSocket.connect(UnixSocket.Type.STREAM, path, deadline.remaining())) {
      var count = new byte[Integer.BYTES];
      MemorySegment.ofArray(count)
          .set(JAVA_INT_UNALIGNED, 0, described ? given.size() | DESCRIBED : given.size());
      connected.sendmsg(count, List.of(), deadline);
      connected.sendmsg(new byte[1], given, deadline);
      var reader = new Bootstrap.Reader(connected, deadline);
      var told = reader.bytes(Integer.BYTES * given.size());
      var numbers = new ArrayList<Integer>();
      for (int i = 0; i < given.size(); i++) {
        numbers.add(told.get(JAVA_INT_UNALIGNED, (long) Integer.BYTES * i));
      }
      var symbols = described ? reader.bytes(SYMBOLS) : Call.room(SYMBOLS);
      return new Answer(
          numbers,
          Bootstrap.symbols(symbols, symbols.get(JAVA_LONG_UNALIGNED, 32)),
          (int) symbols.get(JAVA_LONG_UNALIGNED, 40));
    } catch (StubException ended) {
      throw new ProcessEndedException(path, ended);
    } catch (SystemCallException failure) {
      if (failure.errno().equals(Errno.EAGAIN)) {
        throw deadline.exception("the others who wait for the process that listens at " + path);
      }
      throw hasEnded(failure.errno()) ? new ProcessEndedException(path, failure) : failure;
    }
  }

  private static boolean hasEnded(Errno errno) {
    return errno.equals(Errno.ENOENT)
        || errno.equals(Errno.ECONNREFUSED)
        || errno.equals(Errno.ECONNRESET)
        || errno.equals(Errno.EPIPE);
  }
}
