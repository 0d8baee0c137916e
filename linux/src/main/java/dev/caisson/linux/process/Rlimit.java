package dev.caisson.linux.process;

import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.lang.foreign.ValueLayout;

/// A resource limit of a process. See `getrlimit(2)`.
public enum Rlimit {
  /// Seconds of processor time.
  CPU(0),
  /// The length of a file that the process writes, in bytes.
  FSIZE(1),
  /// The size of the data segment, in bytes.
  DATA(2),
  /// The size of the stack, in bytes.
  STACK(3),
  /// The size of a core dump, in bytes.
  CORE(4),
  /// The number of processes of the user.
  NPROC(6),
  /// The highest number of a descriptor, plus one.
  NOFILE(7),
  /// The size of locked memory, in bytes.
  MEMLOCK(8),
  /// The size of the address space, in bytes.
  AS(9),
  /// The number of pending signals.
  SIGPENDING(11),
  /// The size of POSIX message queues, in bytes.
  MSGQUEUE(12),
  /// 20 minus the lowest nice value.
  NICE(13),
  /// The highest real-time priority.
  RTPRIO(14),
  /// Microseconds that a real-time process may run without a blocking call.
  RTTIME(15);

  private final int number;

  Rlimit(int number) {
    this.number = number;
  }

  /// The number of the limit on x86-64 and AArch64.
  public int number() {
    return number;
  }

  /// Sets the soft and hard limit of a process that the caller may trace. Processes that it starts
  /// later inherit the limit. See `prlimit(2)`.
  ///
  /// @throws SystemCallException EPERM if the hard limit would be raised without CAP_SYS_RESOURCE;
  ///   ESRCH if no such process exists
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
  /// @return [Long#MAX_VALUE] if the resource is unlimited
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
