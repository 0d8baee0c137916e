package dev.caisson.linux.process;

import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.lang.foreign.ValueLayout;

/// What the kernel limits for each process by itself. See `getrlimit(2)`.
public enum Rlimit {
  /// Seconds of processor time.
  CPU(0),
  /// The length of a file that is written, in bytes.
  FSIZE(1),
  /// The size of the data segment, in bytes.
  DATA(2),
  /// The size of the stack, in bytes.
  STACK(3),
  /// The size of a core dump, in bytes.
  CORE(4),
  /// How many processes the user may have.
  NPROC(6),
  /// The highest number of a descriptor, plus one.
  NOFILE(7),
  /// How much memory can be locked, in bytes.
  MEMLOCK(8),
  /// The size of the address space, in bytes.
  AS(9),
  /// How many signals can be pending.
  SIGPENDING(11),
  /// The size of POSIX message queues, in bytes.
  MSGQUEUE(12),
  /// 20 less the lowest nice value.
  NICE(13),
  /// The highest real-time priority.
  RTPRIO(14),
  /// Microseconds that a real-time process may go on without a blocking call.
  RTTIME(15);

  private final int number;

  Rlimit(int number) {
    this.number = number;
  }

  /// Its number; those of x86-64 and AArch64.
  public int number() {
    return number;
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

  /// The soft limit of this process. See `getrlimit(2)`.
  ///
  /// @return [Long#MAX_VALUE] if there is none
  public long soft() throws SystemCallException {
    try (var frame = new Frame()) {
      var rlimit = frame.allocate(ValueLayout.JAVA_LONG, 2);
      long result = frame.call(SystemCall.PRLIMIT64, 0, number, 0, rlimit.address());
      SystemCallException.check(result, SystemCall.PRLIMIT64, 0, this);
      long soft = rlimit.getAtIndex(ValueLayout.JAVA_LONG, 0);
      return soft < 0 ? Long.MAX_VALUE : soft;
    }
  }
}
