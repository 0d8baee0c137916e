package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.ByteSize;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/// The resources that a process and all its descendants may use together. Absent values are
/// unlimited.
///
/// Example:
/// `ResourceLimits.none().memory(ByteSize.mib(512)).swap(ByteSize.ZERO).pids(100).cpus(1.5)`
///
/// Immutable.
///
/// @param memory rounded down by the kernel to whole pages. A process that needs more is killed
/// @param swap the swap in addition to the memory; unlimited if absent
/// @param pids processes and threads; beyond it `fork(2)` fails with EAGAIN
/// @param cpus the time of this many processors; 0.5 is half a processor
/// @param enforcement the reaction if a limit cannot be enforced
public record ResourceLimits(
    Optional<ByteSize> memory,
    Optional<ByteSize> swap,
    OptionalInt pids,
    OptionalDouble cpus,
    Enforcement enforcement) {

  private static final ByteSize LEAST_MEMORY = ByteSize.mib(1);
  private static final int LEAST_PIDS = 4;
  private static final double LEAST_CPUS = 0.01;
  private static final double MOST_CPUS = 1_000_000;

  private static final ResourceLimits NONE =
      new ResourceLimits(
          Optional.empty(),
          Optional.empty(),
          OptionalInt.empty(),
          OptionalDouble.empty(),
          Enforcement.REQUIRED);

  /// The reaction if a limit cannot be enforced.
  public enum Enforcement {
    /// An error.
    REQUIRED,
    /// The limit is left out, and [Cgroup#enforced()] lacks it.
    BEST_EFFORT
  }

  /// @throws IllegalArgumentException if a limit is too low for any command, or too high for the
  ///   kernel
  public ResourceLimits {
    if (memory.isPresent() && memory.get().compareTo(LEAST_MEMORY) < 0) {
      throw refused("memory must be at least 1 MiB, not ", memory.get());
    }
    if (pids.isPresent() && pids.getAsInt() < LEAST_PIDS) {
      throw refused("pids must be at least 4, which a sandbox itself takes, not ", pids.getAsInt());
    }
    if (cpus.isPresent()
        && !(cpus.getAsDouble() >= LEAST_CPUS && cpus.getAsDouble() <= MOST_CPUS)) {
      throw refused("cpus must be from 0.01 to 1000000, not ", cpus.getAsDouble());
    }
    if (memory.isPresent()
        && swap.isPresent()
        && memory.get().bytes() > Long.MAX_VALUE - swap.get().bytes()) {
      throw refused("memory and swap together must be less than 8 EiB, with swap of ", swap.get());
    }
  }

  private static IllegalArgumentException refused(String message, Object value) {
    return new IllegalArgumentException(message + value);
  }

  /// No limits.
  public static ResourceLimits none() {
    return NONE;
  }

  /// Sets the limit of memory.
  public ResourceLimits memory(ByteSize size) {
    return new ResourceLimits(Optional.of(size), swap, pids, cpus, enforcement);
  }

  /// Sets the limit of swap; [ByteSize#ZERO] for none.
  public ResourceLimits swap(ByteSize size) {
    return new ResourceLimits(memory, Optional.of(size), pids, cpus, enforcement);
  }

  /// Sets the limit of processes and threads.
  public ResourceLimits pids(int count) {
    return new ResourceLimits(memory, swap, OptionalInt.of(count), cpus, enforcement);
  }

  /// Sets the limit of processor time, in processors.
  public ResourceLimits cpus(double count) {
    return new ResourceLimits(memory, swap, pids, OptionalDouble.of(count), enforcement);
  }

  /// Makes the limits best effort: limits that the machine cannot enforce are left out.
  public ResourceLimits bestEffort() {
    return new ResourceLimits(memory, swap, pids, cpus, Enforcement.BEST_EFFORT);
  }

  /// The limited resources. Memory comes before swap, as the kernel requires.
  public Set<Resource> resources() {
    var limited = EnumSet.noneOf(Resource.class);
    for (var resource : Resource.values()) {
      if (value(resource).isPresent()) {
        limited.add(resource);
      }
    }
    return limited;
  }

  /// The limit with its unit, for a message.
  Optional<String> value(Resource resource) {
    return switch (resource) {
      case MEMORY -> text(memory);
      case SWAP -> text(swap);
      case PIDS ->
          pids.isPresent() ? Optional.of(pids.getAsInt() + " processes") : Optional.empty();
      case CPU -> cpus.isPresent() ? Optional.of(cpus.getAsDouble() + " CPUs") : Optional.empty();
    };
  }

  private static Optional<String> text(Optional<ByteSize> size) {
    return size.map(known -> known.bytes() + " bytes");
  }
}
