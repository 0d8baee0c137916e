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

/// The socket of a persistent process, as another process sees it: on another machine, or in other
/// namespaces than this JVM.
final class PersistentSocket {
  /// How much later than the kernel this JVM gives up, so that the process is in no call then.
  private static final Duration LEEWAY = Duration.ofSeconds(5);

  private PersistentSocket() {}

  /// Connects, gives descriptors and receives what they are called there.
  ///
  /// @param through has the socket's path and the descriptors; blocked meanwhile
  /// @param given the numbers of the descriptors, which stay the caller's
  /// @param described whether to ask for the addresses, and for the extension
  /// @throws ProcessEndedException if no process listens there
  /// @throws dev.caisson.linux.DeadlineException if it does not answer in time
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

  /// Has the kernel end each call on the socket in time.
  private static void limit(RemoteProcess through, RemoteFd socket, Deadline deadline)
      throws IOException {
    var time = deadline.remaining();
    var timeval = Layouts.TIMEVAL.room();
    timeval.set(JAVA_LONG, Layouts.TIMEVAL.offset("tv_sec"), time.toSeconds());
    // Zero would be for ever.
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
