package dev.caisson.sandbox;

import dev.caisson.files.guard.Guardian;
import dev.caisson.sandbox.cgroup.Cgroup;
import dev.caisson.sandbox.cgroup.Cgroups;
import dev.caisson.sandbox.cgroup.ResourceLimitException;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// Makes the control groups of runs, in a directory of this JVM that its guardian knows.
final class RunCgroups {
  private static final AtomicLong NUMBERS = new AtomicLong();
  private static @Nullable Cgroups cgroups;

  private RunCgroups() {}

  /// @throws SandboxException if a limit cannot be enforced here
  static Cgroup create(ResourceLimits limits) throws IOException {
    try {
      return ofThisProcess().create("run-" + NUMBERS.incrementAndGet(), limits);
    } catch (ResourceLimitException failure) {
      throw SandboxException.of(
              RunResult.Step.LIMITS,
              Optional.ofNullable(failure.getMessage()).orElse(""),
              "or ask for best effort, which leaves the limit out")
          .causedBy(failure);
    }
  }

  private static synchronized Cgroups ofThisProcess() throws IOException {
    var known = cgroups;
    if (known == null) {
      known = Cgroups.detect();
      known.sweep();
      for (var directory : known.directories()) {
        Guardian.guard(Guardian.Kind.CGROUP, directory);
      }
      cgroups = known;
    }
    return known;
  }
}
