package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.remote.uapi.SoOption;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// Connects to the socket of a persistent process from another process: on another machine, or in
/// other namespaces than this JVM's.
final class PersistentSocket {
  /// How much longer than the kernel this JVM waits, so that the connecting process is in no call
  /// when this JVM gives up.
  private static final Duration LEEWAY = Duration.ofSeconds(5);

  private PersistentSocket() {}

  /// Connects, gives descriptors, and receives their numbers in the persistent process.
  ///
  /// @param through sees the socket's path and has the descriptors; blocked meanwhile
  /// @param given the numbers of the descriptors, which the caller keeps
  /// @param described whether to ask for the addresses, and for the extension
  /// @throws ProcessEndedException if no process listens at the path
  /// @throws dev.caisson.linux.DeadlineException if no answer comes before the deadline
  static Reconnection.Answer exchange(
      RemoteProcess through, Path path, List<Integer> given, boolean described, Deadline deadline)
      throws IOException {
    if (deadline.expired()) {
      throw deadline.exception("the process that listens at " + path);
    }
    var calls = through.within(deadline.remaining().plus(LEEWAY));
    try (var socket = through.socket(SocketFamily.UNIX, SocketType.STREAM, 0)) {
      limit(through, socket, deadline);
      calls.connect(socket, new Sockaddr.Unix(path));
      calls.sendmsg(socket, Reconnection.count(given.size(), described), List.of());
      var descriptors = given.stream().map(through::inherited).toList();
      try {
        calls.sendmsg(socket, new byte[1], descriptors);
      } finally {
        descriptors.forEach(RemoteFd::release);
      }
      int numbers = Integer.BYTES * given.size();
      var told = new Told(calls, socket, path);
      return Reconnection.answer(
          told.bytes(numbers),
          described ? told.bytes(Reconnection.SYMBOLS) : Call.room(Reconnection.SYMBOLS));
    } catch (SystemCallException failure) {
      throw Reconnection.explained(path, failure, deadline);
    }
  }

  /// Makes the kernel end each call on the socket at the deadline.
  private static void limit(RemoteProcess through, RemoteFd socket, Deadline deadline)
      throws IOException {
    var time = deadline.remaining();
    var timeval = Layouts.TIMEVAL.room();
    timeval.set(JAVA_LONG, Layouts.TIMEVAL.offset("tv_sec"), time.toSeconds());
    // Zero would mean no timeout.
    timeval.set(
        JAVA_LONG, Layouts.TIMEVAL.offset("tv_usec"), Math.max(1, time.toNanosPart() / 1000));
    var value = Call.bytes(timeval, timeval.byteSize());
    through.setsockopt(socket, SoOption.RCVTIMEO, value);
    through.setsockopt(socket, SoOption.SNDTIMEO, value);
  }

  private record Told(SystemCalls calls, RemoteFd socket, Path path) {
    MemorySegment bytes(int count) throws IOException {
      var all = MemorySegment.ofArray(new byte[count]);
      for (int have = 0; have < count; ) {
        var more = calls.recvfrom(socket, count - have);
        if (more.length == 0) {
          throw new ProcessEndedException(path, new IOException("it closed the connection"));
        }
        MemorySegment.copy(MemorySegment.ofArray(more), 0, all, have, more.length);
        have += more.length;
      }
      return all;
    }
  }
}
