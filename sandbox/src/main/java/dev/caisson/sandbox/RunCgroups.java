package dev.caisson.sandbox;

import dev.caisson.files.guard.Guardian;
import dev.caisson.sandbox.cgroup.Cgroup;
import dev.caisson.sandbox.cgroup.Cgroups;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// Makes the control groups of runs, below one of this JVM that its guardian knows.
final class RunCgroups {
  private static final AtomicLong NUMBERS = new AtomicLong();
  private static @Nullable Cgroups cgroups;

  private RunCgroups() {}

  /// @throws IOException if a limit cannot be enforced here
  static Cgroup create(ResourceLimits limits) throws IOException {
    return ofThisProcess().create("run-" + NUMBERS.incrementAndGet(), limits);
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
