package dev.caisson.sandbox.cgroup;

import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/// How much a process and all its descendants may use together. What is not given is not limited.
///
/// `ResourceLimits.none().memory(512 << 20).swap(0).pids(100).cpus(1.5)` is an example.
///
/// @param memory bytes; the kernel rounds down to whole pages. Who needs more is killed
/// @param swap bytes of swap beside the memory; without it, as much as there is
/// @param pids processes and threads; `fork(2)` fails with EAGAIN beyond
/// @param cpus how many processors' time; 0.5 is half of one
/// @param enforcement what happens if one of them cannot be enforced
public record ResourceLimits(
    OptionalLong memory,
    OptionalLong swap,
    OptionalInt pids,
    OptionalDouble cpus,
    Enforcement enforcement) {

  private static final long LEAST_MEMORY = 1 << 20;
  private static final int LEAST_PIDS = 4;
  private static final double LEAST_CPUS = 0.01;
  private static final double MOST_CPUS = 1_000_000;

  private static final ResourceLimits NONE =
      new ResourceLimits(
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalInt.empty(),
          OptionalDouble.empty(),
          Enforcement.REQUIRED);

  /// What happens if a limit cannot be enforced.
  public enum Enforcement {
    /// It is an error.
    REQUIRED,
    /// It is left out, and [Cgroup#enforced()] lacks it.
    BEST_EFFORT
  }

  /// @throws IllegalArgumentException if a limit is so low that nothing could run, or too high for
  ///   the kernel
  public ResourceLimits {
    if (memory.isPresent() && memory.getAsLong() < LEAST_MEMORY) {
      throw refused("memory must be at least 1 MiB, not ", memory.getAsLong());
    }
    if (swap.isPresent() && swap.getAsLong() < 0) {
      throw refused("swap cannot be negative: ", swap.getAsLong());
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
        && memory.getAsLong() > Long.MAX_VALUE - swap.getAsLong()) {
      throw refused("memory and swap together are too much, with swap of ", swap.getAsLong());
    }
  }

  private static IllegalArgumentException refused(String message, Number value) {
    return new IllegalArgumentException(message + value);
  }

  /// No limits.
  public static ResourceLimits none() {
    return NONE;
  }

  /// These, and so many bytes of memory.
  public ResourceLimits memory(long bytes) {
    return new ResourceLimits(OptionalLong.of(bytes), swap, pids, cpus, enforcement);
  }

  /// These, and so many bytes of swap: 0 for none.
  public ResourceLimits swap(long bytes) {
    return new ResourceLimits(memory, OptionalLong.of(bytes), pids, cpus, enforcement);
  }

  /// These, and so many processes and threads.
  public ResourceLimits pids(int count) {
    return new ResourceLimits(memory, swap, OptionalInt.of(count), cpus, enforcement);
  }

  /// These, and the time of so many processors.
  public ResourceLimits cpus(double count) {
    return new ResourceLimits(memory, swap, pids, OptionalDouble.of(count), enforcement);
  }

  /// These, as far as the machine can enforce them.
  public ResourceLimits bestEffort() {
    return new ResourceLimits(memory, swap, pids, cpus, Enforcement.BEST_EFFORT);
  }

  /// What is limited. Memory comes before swap, which the kernel wants so.
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

  private static Optional<String> text(OptionalLong bytes) {
    return bytes.isPresent() ? Optional.of(bytes.getAsLong() + " bytes") : Optional.empty();
  }
}
