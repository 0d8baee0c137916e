package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.uapi.SignalSet;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/// Waits in another process for descriptors, by `ppoll(2)`.
final class RemotePoll {
  /// How long a single wait may delay the process's other calls.
  private static final Duration SLICE = Duration.ofMillis(200);

  /// How much longer than the wait the call may take.
  private static final Duration LEEWAY = Duration.ofSeconds(5);

  private static final short POLLIN = 1;

  private RemotePoll() {}

  /// Waits for at most a slice of the time, so that the process can make other calls in between.
  ///
  /// @param remaining the whole time, which includes the call itself
  /// @return whether a descriptor is readable, or at end of file
  static boolean slice(Caller process, List<RemoteFd> descriptors, Duration remaining)
      throws IOException {
    var time = remaining.compareTo(SLICE) < 0 ? remaining : SLICE;
    return ppoll(process, descriptors, time, remaining.plus(LEEWAY));
  }

  /// Waits, and blocks the process's other calls meanwhile.
  ///
  /// @return whether a descriptor is readable, or at end of file
  static boolean ppoll(Caller process, List<RemoteFd> descriptors, Duration time)
      throws IOException {
    return ppoll(process, descriptors, time, time.plus(LEEWAY));
  }

  private static boolean ppoll(
      Caller process, List<RemoteFd> descriptors, Duration time, Duration within)
      throws IOException {
    long size = Layouts.POLLFD.size();
    var call = process.call(SystemCall.PPOLL);
    var pollfds = Call.room(descriptors.size() * size);
    for (int i = 0; i < descriptors.size(); i++) {
      int number = call.number(descriptors.get(i));
      pollfds.set(JAVA_INT, i * size + Layouts.POLLFD.offset("fd"), number);
      pollfds.set(JAVA_SHORT, i * size + Layouts.POLLFD.offset("events"), POLLIN);
    }
    var timeout = Layouts.TIMESPEC.room();
    timeout.set(JAVA_LONG, Layouts.TIMESPEC.offset("tv_sec"), time.toSeconds());
    timeout.set(JAVA_LONG, Layouts.TIMESPEC.offset("tv_nsec"), time.toNanosPart());
    long count =
        call.inOut(pollfds)
            .word(descriptors.size())
            .in(timeout)
            .word(0)
            .word(SignalSet.SIZE)
            .within(within)
            .counted(descriptors.size());
    return count > 0;
  }
}
