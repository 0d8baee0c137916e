package dev.caisson.linux.process;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Signal;
import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/// The end of a process and its resource usage. See `waitid(2)`.
///
/// Immutable.
public sealed interface Exit {
  /// The resources that the process and its reaped children used.
  Usage usage();

  /// Parses the result of `waitid(2)`.
  ///
  /// @param siginfo a `siginfo_t` ([Layouts#SIGINFO])
  /// @param rusage a `struct rusage` ([Layouts#RUSAGE])
  /// @throws IllegalArgumentException if the number of the signal is not 1 to 64
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

  /// Whether the process exited with status 0.
  default boolean success() {
    return this instanceof Exited exited && exited.status() == 0;
  }

  /// The process called `exit(3)` or returned from `main`.
  ///
  /// @param status 0 to 255
  record Exited(int status, Usage usage) implements Exit {
    @Override
    public String toString() {
      return "exited with status " + status;
    }
  }

  /// A signal ended the process.
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
