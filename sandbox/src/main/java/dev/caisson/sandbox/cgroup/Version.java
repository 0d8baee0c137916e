package dev.caisson.sandbox.cgroup;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// The differences between the versions of control groups.
///
/// Directories are keyed by controller. Controllers may share a directory; version 2 has only one,
/// under the empty name.
interface Version {
  /// The period of the quota of processor time, in microseconds.
  long CPU_PERIOD = 100_000;

  /// Explains why a resource cannot be limited, and what to do; empty if it can be limited.
  Optional<String> obstacle(Resource resource) throws IOException;

  /// The cgroups of this process, in all hierarchies that may be used.
  Map<String, Path> own();

  /// The subset of [#own()] in which a cgroup must be made for these limits.
  Map<String, Path> places(ResourceLimits limits);

  /// Enables the controllers that these limits need in the children of a directory.
  ///
  /// @param parent the directory between the own cgroup and the new ones
  void enable(Path parent, ResourceLimits limits) throws IOException;

  /// Sets one limit.
  void limit(Map<String, Path> directories, Resource resource, ResourceLimits limits)
      throws IOException;

  /// Adds a limit to others, as the kernel rounded it.
  ResourceLimits readBack(Map<String, Path> directories, Resource resource, ResourceLimits others)
      throws IOException;

  ResourceUsage usage(Map<String, Path> directories) throws IOException;

  /// The advice for a controller that is not delegated to this process.
  static String delegated(boolean root) {
    return "start the program with: systemd-run %s--scope -p Delegate=yes ..."
        .formatted(root ? "" : "--user ");
  }

  static long quota(double cpus) {
    return Math.round(cpus * CPU_PERIOD);
  }
}
