package dev.caisson.remote.uapi;

/// An operation of `prctl(2)`, whose manual page describes the arguments of each.
public enum PrctlOption {
  /// Sets the signal that the process gets when its parent ends.
  SET_PDEATHSIG(1),
  /// Gets the signal of [#SET_PDEATHSIG].
  GET_PDEATHSIG(2),
  /// Gets whether the process can be dumped and traced.
  GET_DUMPABLE(3),
  /// Sets whether the process can be dumped and traced.
  SET_DUMPABLE(4),
  /// Gets what unaligned access does.
  GET_UNALIGN(5),
  /// Sets what unaligned access does.
  SET_UNALIGN(6),
  /// Gets whether capabilities stay when the user changes.
  GET_KEEPCAPS(7),
  /// Sets whether capabilities stay when the user changes.
  SET_KEEPCAPS(8),
  /// Gets how floating point is emulated.
  GET_FPEMU(9),
  /// Sets how floating point is emulated.
  SET_FPEMU(10),
  /// Gets the mode of floating-point exceptions.
  GET_FPEXC(11),
  /// Sets the mode of floating-point exceptions.
  SET_FPEXC(12),
  /// Gets how the time of the process is measured.
  GET_TIMING(13),
  /// Sets how the time of the process is measured.
  SET_TIMING(14),
  /// Sets the name of the process.
  SET_NAME(15),
  /// Gets the name of the process.
  GET_NAME(16),
  /// Gets the byte order.
  GET_ENDIAN(19),
  /// Sets the byte order.
  SET_ENDIAN(20),
  /// Gets the mode of the system call filter.
  GET_SECCOMP(21),
  /// Sets the mode of the system call filter.
  SET_SECCOMP(22),
  /// Tells whether a capability is in the bounding set.
  CAPBSET_READ(23),
  /// Removes a capability from the bounding set.
  CAPBSET_DROP(24),
  /// Gets whether the time stamp counter can be read.
  GET_TSC(25),
  /// Sets whether the time stamp counter can be read.
  SET_TSC(26),
  /// Gets how capabilities and the user 0 depend on each other.
  GET_SECUREBITS(27),
  /// Sets how capabilities and the user 0 depend on each other.
  SET_SECUREBITS(28),
  /// Sets how late timers may be, in nanoseconds.
  SET_TIMERSLACK(29),
  /// Gets how late timers may be, in nanoseconds.
  GET_TIMERSLACK(30),
  /// Stops all performance counters of the process.
  TASK_PERF_EVENTS_DISABLE(31),
  /// Starts all performance counters of the process.
  TASK_PERF_EVENTS_ENABLE(32),
  /// Sets when a memory error kills the process.
  MCE_KILL(33),
  /// Gets when a memory error kills the process.
  MCE_KILL_GET(34),
  /// Changes the kernel's description of the process's memory layout.
  SET_MM(35),
  /// Sets whether the process reaps orphans among its descendants.
  SET_CHILD_SUBREAPER(36),
  /// Gets whether the process reaps orphans among its descendants.
  GET_CHILD_SUBREAPER(37),
  /// Executing grants no privileges from now on.
  SET_NO_NEW_PRIVS(38),
  /// Gets whether executing grants no privileges.
  GET_NO_NEW_PRIVS(39),
  /// Gets the address that is cleared when the thread ends.
  GET_TID_ADDRESS(40),
  /// Sets whether transparent huge pages are off.
  SET_THP_DISABLE(41),
  /// Gets whether transparent huge pages are off.
  GET_THP_DISABLE(42),
  /// Enabled MPX; newer kernels refuse it.
  MPX_ENABLE_MANAGEMENT(43),
  /// Disabled MPX; newer kernels refuse it.
  MPX_DISABLE_MANAGEMENT(44),
  /// Sets the floating-point mode of MIPS.
  SET_FP_MODE(45),
  /// Gets the floating-point mode of MIPS.
  GET_FP_MODE(46),
  /// Reads or changes the ambient capabilities.
  CAP_AMBIENT(47),
  /// Sets the vector length of SVE.
  SVE_SET_VL(50),
  /// Gets the vector length of SVE.
  SVE_GET_VL(51),
  /// Gets the state of a speculation feature.
  GET_SPECULATION_CTRL(52),
  /// Sets the state of a speculation feature.
  SET_SPECULATION_CTRL(53),
  /// Resets keys for pointer authentication.
  PAC_RESET_KEYS(54),
  /// Sets the mode of tagged addresses.
  SET_TAGGED_ADDR_CTRL(55),
  /// Gets the mode of tagged addresses.
  GET_TAGGED_ADDR_CTRL(56),
  /// Sets whether the process serves a block device or a file system.
  SET_IO_FLUSHER(57),
  /// Gets whether the process serves a block device or a file system.
  GET_IO_FLUSHER(58),
  /// Sets whether system calls raise SIGSYS.
  SET_SYSCALL_USER_DISPATCH(59),
  /// Enables keys for pointer authentication.
  PAC_SET_ENABLED_KEYS(60),
  /// Gets the enabled keys for pointer authentication.
  PAC_GET_ENABLED_KEYS(61),
  /// Sets or gets which processes share a core.
  SCHED_CORE(62),
  /// Sets the vector length of SME.
  SME_SET_VL(63),
  /// Gets the vector length of SME.
  SME_GET_VL(64),
  /// Sets an attribute of mapped memory, such as its name.
  SET_VMA(0x53564d41),
  /// Sets which process may trace this one.
  SET_PTRACER(0x59616d61);

  private final int number;

  PrctlOption(int number) {
    this.number = number;
  }

  /// The number in the kernel's headers.
  public int number() {
    return number;
  }
}
