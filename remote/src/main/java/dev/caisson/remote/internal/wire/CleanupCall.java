package dev.caisson.remote.internal.wire;

import dev.caisson.linux.Signal;
import dev.caisson.linux.abi.SystemCall;
import java.util.List;
import java.util.stream.LongStream;

/// A call that undoes an effect of another one; its result is ignored.
public record CleanupCall(SystemCall nr, List<Long> arguments) {
  public static CleanupCall of(SystemCall nr, long... arguments) {
    return new CleanupCall(nr, LongStream.of(arguments).boxed().toList());
  }

  /// Closes a descriptor.
  public static CleanupCall close(long number) {
    return of(SystemCall.CLOSE, number);
  }

  public long[] words() {
    return arguments.stream().mapToLong(word -> word).toArray();
  }

  /// Kills a child of the process, and reaps it.
  ///
  /// @param pid its id, as the process sees it
  public static List<CleanupCall> end(long pid) {
    int byPid = 1;
    int exited = 4;
    return List.of(
        of(SystemCall.KILL, pid, Signal.KILL.number()),
        of(SystemCall.WAITID, byPid, pid, 0, exited, 0));
  }
}
