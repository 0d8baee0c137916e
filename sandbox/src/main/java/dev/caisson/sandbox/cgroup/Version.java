package dev.caisson.sandbox.cgroup;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// What differs between the versions of control groups.
///
/// Directories are given by controller. Controllers may share one, and version 2 has but one, under
/// the empty name.
interface Version {
  /// The quota of processors' time is per so many microseconds.
  long CPU_PERIOD = 100_000;

  /// Why something cannot be limited, and what to do; empty if it can be.
  Optional<String> obstacle(Resource resource) throws IOException;

  /// The own cgroups of this process, in all hierarchies that may be used.
  Map<String, Path> own();

  /// Those of [#own()] in which a cgroup is to be made for these limits.
  Map<String, Path> places(ResourceLimits limits);

  /// Lets the children of a directory have the controllers that these limits need.
  ///
  /// @param parent the directory between the own cgroup and the new ones
  void enable(Path parent, ResourceLimits limits) throws IOException;

  /// Sets one limit.
  void limit(Map<String, Path> directories, Resource resource, ResourceLimits limits)
      throws IOException;

  /// What the kernel has made of a limit that is set, added to others.
  ResourceLimits readBack(Map<String, Path> directories, Resource resource, ResourceLimits others)
      throws IOException;

  ResourceUsage usage(Map<String, Path> directories) throws IOException;

  /// What to do about a controller that lies in the other version.
  static String delegated(boolean root) {
    return "start the program with: systemd-run %s--scope -p Delegate=yes ..."
        .formatted(root ? "" : "--user ");
  }

  static long quota(double cpus) {
    return Math.round(cpus * CPU_PERIOD);
  }
}
