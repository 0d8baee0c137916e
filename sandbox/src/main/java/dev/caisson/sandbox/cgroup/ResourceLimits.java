package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.ByteSize;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/// How much a process and all its descendants may use together. What is not given is not limited.
///
/// `ResourceLimits.none().memory(ByteSize.mib(512)).swap(ByteSize.ZERO).pids(100).cpus(1.5)` is an
/// example.
///
/// Immutable.
///
/// @param memory the kernel rounds down to whole pages. Who needs more is killed
/// @param swap how much swap beside the memory; without it, as much as there is
/// @param pids processes and threads; `fork(2)` fails with EAGAIN beyond
/// @param cpus how many processors' time; 0.5 is half of one
/// @param enforcement what happens if one of them cannot be enforced
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
      throw refused("memory and swap together are too much, with swap of ", swap.get());
    }
  }

  private static IllegalArgumentException refused(String message, Object value) {
    return new IllegalArgumentException(message + value);
  }

  /// No limits.
  public static ResourceLimits none() {
    return NONE;
  }

  /// These, and so much memory.
  public ResourceLimits memory(ByteSize size) {
    return new ResourceLimits(Optional.of(size), swap, pids, cpus, enforcement);
  }

  /// These, and so much swap; [ByteSize#ZERO] for none.
  public ResourceLimits swap(ByteSize size) {
    return new ResourceLimits(memory, Optional.of(size), pids, cpus, enforcement);
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

  private static Optional<String> text(Optional<ByteSize> size) {
    return size.map(known -> known.bytes() + " bytes");
  }
}
