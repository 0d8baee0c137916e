package dev.caisson.linux.process;

import dev.caisson.linux.Signal;
import java.time.Duration;

/// How a process ended, and what it had used. See `waitid(2)`.
///
/// Immutable.
public sealed interface Exit {
  /// What the process and the children that it waited for have used.
  Usage usage();

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
