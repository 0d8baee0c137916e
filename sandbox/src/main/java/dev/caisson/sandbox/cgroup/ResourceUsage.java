package dev.caisson.sandbox.cgroup;

import java.time.Duration;
import java.util.OptionalLong;

/// The resources used by all processes that ever ran in a cgroup, as counted by the kernel.
///
/// A figure that the kernel does not keep, because a controller is missing or the kernel too old,
/// is empty or zero.
///
/// Immutable.
///
/// @param userCpu the time in user mode
/// @param systemCpu the time in the kernel
/// @param peakMemory the highest memory usage, in bytes
/// @param peakPids the highest number of processes and threads
/// @param oomKills how many processes were killed because memory ran out
/// @param pidsRefused how many times a process or thread was refused because of the limit
public record ResourceUsage(
    Duration userCpu,
    Duration systemCpu,
    OptionalLong peakMemory,
    OptionalLong peakPids,
    long oomKills,
    long pidsRefused) {

  /// No usage, or none that is known.
  static final ResourceUsage NONE =
      new ResourceUsage(
          Duration.ZERO, Duration.ZERO, OptionalLong.empty(), OptionalLong.empty(), 0, 0);
}
