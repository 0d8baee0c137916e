package dev.caisson.remote;

import dev.caisson.linux.Signal;
import dev.caisson.linux.abi.SystemCall;
import java.util.List;
import java.util.stream.LongStream;

/// A call that nobody waits for, whatever comes of it: it puts something back.
record Errand(SystemCall nr, List<Long> arguments) {
  static Errand of(SystemCall nr, long... arguments) {
    return new Errand(nr, LongStream.of(arguments).boxed().toList());
  }

  /// Closes a descriptor.
  static Errand close(long number) {
    return of(SystemCall.CLOSE, number);
  }

  long[] words() {
    return arguments.stream().mapToLong(word -> word).toArray();
  }

  /// Ends a child of the process, and takes what the kernel keeps of it.
  ///
  /// @param pid its id, as the process sees it
  static List<Errand> end(long pid) {
    int byPid = 1;
    int exited = 4;
    return List.of(
        of(SystemCall.KILL, pid, Signal.KILL.number()),
        of(SystemCall.WAITID, byPid, pid, 0, exited, 0));
  }
}
