package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/// Version 1: each controller has its own hierarchy, or shares one. See `cgroups(7)` and the
/// kernel's `admin-guide/cgroup-v1`.
final class Version1 implements Version {
  static final String FREEZER = "freezer";
  private static final String CPUACCT = "cpuacct";
  private static final String MEMSW = "memory.memsw.limit_in_bytes";

  private final Map<String, Path> own = new LinkedHashMap<>();
  private final Map<String, String> obstacles = new HashMap<>();

  Version1(List<Hierarchy> hierarchies) {
    for (var controller : List.of("memory", "pids", "cpu", CPUACCT, FREEZER)) {
      var found = find(hierarchies, controller);
      if (found.isEmpty()) {
        obstacles.put(
            controller,
            """
            the controller %s is not mounted (version 1) where this process can see its own cgroup; \
            mount it, and if /proc/cgroups says that it is not enabled, boot with cgroup_enable=%s\
            """
                .formatted(controller, controller));
      } else if (!writable(found.get().own())) {
        obstacles.put(
            controller,
            "no permission to make a cgroup in %s; run as root, or let root give it to this user"
                .formatted(found.get().own()));
      } else {
        own.put(controller, found.get().own());
      }
    }
  }

  private static Optional<Hierarchy> find(List<Hierarchy> hierarchies, String controller) {
    for (var hierarchy : hierarchies) {
      if (hierarchy.version() == 1 && hierarchy.controllers().contains(controller)) {
        return Optional.of(hierarchy);
      }
    }
    return Optional.empty();
  }

  /// A thread enters a new cgroup and comes back, for which it needs to write the list of threads.
  private static boolean writable(Path directory) {
    return Files.isWritable(directory) && Files.isWritable(directory.resolve("tasks"));
  }

  @Override
  public Optional<String> obstacle(Resource resource) {
    var obstacle = Optional.ofNullable(obstacles.get(resource.controller()));
    if (obstacle.isEmpty()
        && resource == Resource.SWAP
        && !Files.exists(own("memory").resolve(MEMSW))) {
      return Optional.of(
          "the kernel does not account for swap (%s has no %s); boot with swapaccount=1"
              .formatted(own("memory"), MEMSW));
    }
    return obstacle;
  }

  private Path own(String controller) {
    return java.util.Objects.requireNonNull(own.get(controller));
  }

  @Override
  public Map<String, Path> own() {
    return own;
  }

  /// Leaves out cpu without a limit: even then a cgroup of cpu would change the shares of the
  /// processors.
  @Override
  public Map<String, Path> places(ResourceLimits limits) {
    var places = new LinkedHashMap<>(own);
    if (limits.cpus().isEmpty()) {
      places.remove("cpu");
    }
    return places;
  }

  @Override
  public void enable(Path parent, ResourceLimits limits) {
    // Version 1 enables controllers everywhere.
  }

  @Override
  public void limit(Map<String, Path> directories, Resource resource, ResourceLimits limits)
      throws IOException {
    var directory = GroupDirectories.of(directories, resource.controller());
    switch (resource) {
      case MEMORY -> {
        var hierarchical = directory.resolve("memory.use_hierarchy");
        // Always 1 since Linux 5.11.
        if (ControlFile.number(hierarchical).orElse(1) == 0) {
          ControlFile.write(hierarchical, "1");
        }
        ControlFile.write(
            directory.resolve("memory.limit_in_bytes"),
            text(limits.memory().orElseThrow().bytes()));
      }
      case SWAP -> {
        if (limits.memory().isEmpty()) {
          throw new IOException(
              "version 1 limits memory and swap as a sum. Set a limit of memory, too");
        }
        // Added to the limit as the kernel rounded it; otherwise the sum could be less than the
        // memory.
        long memory = number(directory.resolve("memory.limit_in_bytes"));
        ControlFile.write(
            directory.resolve(MEMSW),
            text(Math.addExact(memory, limits.swap().orElseThrow().bytes())));
      }
      case PIDS ->
          ControlFile.write(directory.resolve("pids.max"), text(limits.pids().orElseThrow()));
      case CPU -> {
        ControlFile.write(directory.resolve("cpu.cfs_period_us"), text(CPU_PERIOD));
        ControlFile.write(
            directory.resolve("cpu.cfs_quota_us"),
            text(Version.quota(limits.cpus().orElseThrow())));
      }
    }
  }

  private static String text(long number) {
    return Long.toString(number);
  }

  private static long number(Path file) throws IOException {
    return ControlFile.number(file)
        .orElseThrow(() -> new IOException("expected a number in " + file));
  }

  @Override
  public ResourceLimits readBack(
      Map<String, Path> directories, Resource resource, ResourceLimits others) throws IOException {
    var directory = GroupDirectories.of(directories, resource.controller());
    return switch (resource) {
      case MEMORY ->
          others.memory(ByteSize.bytes(number(directory.resolve("memory.limit_in_bytes"))));
      case SWAP ->
          others.swap(
              ByteSize.bytes(
                  number(directory.resolve(MEMSW))
                      - number(directory.resolve("memory.limit_in_bytes"))));
      case PIDS -> others.pids((int) number(directory.resolve("pids.max")));
      case CPU ->
          others.cpus(
              (double) number(directory.resolve("cpu.cfs_quota_us"))
                  / number(directory.resolve("cpu.cfs_period_us")));
    };
  }

  @Override
  public ResourceUsage usage(Map<String, Path> directories) throws IOException {
    var user = Duration.ZERO;
    var system = Duration.ZERO;
    var peakMemory = OptionalLong.empty();
    var peakPids = OptionalLong.empty();
    long oomKills = 0;
    long pidsRefused = 0;
    var cpuacct = directories.get(CPUACCT);
    if (cpuacct != null) {
      user = nanos(cpuacct.resolve("cpuacct.usage_user"));
      system = nanos(cpuacct.resolve("cpuacct.usage_sys"));
    }
    var memory = directories.get("memory");
    if (memory != null) {
      peakMemory = ControlFile.number(memory.resolve("memory.max_usage_in_bytes"));
      oomKills = events(memory, "memory.oom_control", "oom_kill");
    }
    var pids = directories.get("pids");
    if (pids != null) {
      peakPids = ControlFile.number(pids.resolve("pids.peak"));
      pidsRefused = events(pids, "pids.events", "max");
    }
    return new ResourceUsage(user, system, peakMemory, peakPids, oomKills, pidsRefused);
  }

  /// Sums the events of both groups: the kernel counts an event only in the group where it happens.
  private static long events(Path directory, String file, String key) throws IOException {
    long count = 0;
    for (var group : List.of(directory, GroupDirectories.members(directory))) {
      count += ControlFile.entry(group.resolve(file), key).orElse(0);
    }
    return count;
  }

  private static Duration nanos(Path file) throws IOException {
    return Duration.ofNanos(ControlFile.number(file).orElse(0));
  }
}
