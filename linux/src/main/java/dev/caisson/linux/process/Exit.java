package dev.caisson.linux.process;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Signal;
import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/// How a process ended, and what it had used. See `waitid(2)`.
///
/// Immutable.
public sealed interface Exit {
  /// What the process and the children that it waited for have used.
  Usage usage();

  /// Reads what the kernel tells of an end. See `waitid(2)`.
  ///
  /// @param siginfo a `siginfo_t` ([Layouts#SIGINFO])
  /// @param rusage a `struct rusage` ([Layouts#RUSAGE])
  /// @throws IllegalArgumentException if the signal that it tells of is none
  static Exit of(MemorySegment siginfo, MemorySegment rusage) {
    int cldExited = 1;
    int cldDumped = 3;
    var used =
        new Usage(
            time(rusage, "ru_utime"),
            time(rusage, "ru_stime"),
            rusage.get(JAVA_LONG, Layouts.RUSAGE.offset("ru_maxrss")) * 1024);
    int code = siginfo.get(JAVA_INT, Layouts.SIGINFO.offset("si_code"));
    int status = siginfo.get(JAVA_INT, Layouts.SIGINFO.offset("si_status"));
    return code == cldExited
        ? new Exited(status, used)
        : new Signalled(new Signal(status), code == cldDumped, used);
  }

  private static Duration time(MemorySegment rusage, String name) {
    long micros = rusage.get(JAVA_LONG, Layouts.RUSAGE.offset(name, "tv_usec"));
    return Duration.ofSeconds(rusage.get(JAVA_LONG, Layouts.RUSAGE.offset(name, "tv_sec")))
        .plusNanos(Math.clamp(micros, 0, 999_999) * 1000L);
  }

  /// Whether it exited with status 0.
  default boolean success() {
    return this instanceof Exited exited && exited.status() == 0;
  }

  /// It called `exit(3)` or returned from `main`.
  ///
  /// @param status 0 to 255
  record Exited(int status, Usage usage) implements Exit {
    @Override
    public String toString() {
      return "exited with status " + status;
    }
  }

  /// A signal ended it.
  ///
  /// @param core whether it left a core dump
  record Signalled(Signal signal, boolean core, Usage usage) implements Exit {
    @Override
    public String toString() {
      return "was ended by " + signal + (core ? " (core dumped)" : "");
    }
  }

  /// Resources used, as the kernel counted them. See `getrusage(2)`.
  ///
  /// @param user time in user mode
  /// @param system time in the kernel
  /// @param maxRss the largest resident set of any one of the processes, in bytes
  record Usage(Duration user, Duration system, long maxRss) {}
}
