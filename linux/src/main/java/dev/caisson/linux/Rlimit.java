package dev.caisson.linux;

import java.lang.foreign.ValueLayout;

/// What the kernel limits for each process by itself. See `getrlimit(2)`.
public enum Rlimit {
  /// Seconds of processor time.
  CPU(0),
  /// The length of a file that is written, in bytes.
  FSIZE(1),
  /// The size of a core dump, in bytes.
  CORE(4),
  /// The highest number of a descriptor, plus one.
  NOFILE(7);

  private final int number;

  Rlimit(int number) {
    this.number = number;
  }

  /// Sets a limit, soft and hard alike, of a process that the caller may trace; what it starts from
  /// then on inherits it. See `prlimit(2)`.
  ///
  /// @throws SystemCallException EPERM if the hard limit would be raised without CAP_SYS_RESOURCE;
  ///   ESRCH if there is no such process
  public void prlimit(int pid, long value) throws SystemCallException {
    try (var frame = new Frame()) {
      var rlimit = frame.allocate(ValueLayout.JAVA_LONG, 2);
      rlimit.setAtIndex(ValueLayout.JAVA_LONG, 0, value);
      rlimit.setAtIndex(ValueLayout.JAVA_LONG, 1, value);
      long result = frame.call(SystemCall.PRLIMIT64, pid, number, rlimit.address(), 0);
      SystemCallException.check(result, SystemCall.PRLIMIT64, pid, this, value);
    }
  }
}
