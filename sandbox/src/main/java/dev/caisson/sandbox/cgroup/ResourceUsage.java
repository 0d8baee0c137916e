package dev.caisson.sandbox.cgroup;

import java.time.Duration;
import java.util.OptionalLong;

/// What all that ever ran in a cgroup has used, as the kernel counted it.
///
/// A figure that the kernel does not keep, for want of a controller or of a newer version, is empty
/// or zero.
///
/// Immutable.
///
/// @param userCpu time in user mode
/// @param systemCpu time in the kernel
/// @param peakMemory the most memory at any one time, in bytes
/// @param peakPids the most processes and threads at any one time
/// @param oomKills how many processes were killed because memory ran out
/// @param pidsRefused how many times a process or thread was refused for the limit
public record ResourceUsage(
    Duration userCpu,
    Duration systemCpu,
    OptionalLong peakMemory,
    OptionalLong peakPids,
    long oomKills,
    long pidsRefused) {

  /// Nothing, or nothing that is known.
  static final ResourceUsage NONE =
      new ResourceUsage(
          Duration.ZERO, Duration.ZERO, OptionalLong.empty(), OptionalLong.empty(), 0, 0);
}
