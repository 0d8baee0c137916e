package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/// Version 2: one hierarchy, in which a cgroup has either processes or children with controllers
/// ("no internal processes"). See `cgroups(7)` and the kernel's `admin-guide/cgroup-v2`.
///
/// If this process is a member of its own cgroup, it must move into a child before other children
/// can have controllers. The first limit causes the move, provided that the cgroup is delegated to
/// this process and has no other member. The process stays in the child until it ends.
final class Version2 implements Version {
  /// The child cgroup for this process itself. The name of a [Cgroup] never has a dot.
  private static final String SELF = "jvm.self";

  private static final String CONTROLLERS = "cgroup.controllers";
  private static final String SUBTREE_CONTROL = "cgroup.subtree_control";
  private static final String PROCS = "cgroup.procs";
  private static final Set<String> ACCOUNTING = Set.of("memory", "pids");

  private final Path own;
  private final boolean namespaced;

  Version2(Hierarchy hierarchy) {
    this.own = outside(hierarchy.own());
    this.namespaced = hierarchy.namespaced();
  }

  /// This process may have moved into its child already.
  private static Path outside(Path own) {
    var parent = own.getParent();
    return own.endsWith(Path.of(Owner.self().name(), SELF)) && parent != null
        ? java.util.Objects.requireNonNull(parent.getParent())
        : own;
  }

  /// Whether a useful controller is available here.
  boolean hasControllers() throws IOException {
    var there = controllers(own);
    return there.contains("memory") || there.contains("pids") || there.contains("cpu");
  }

  private static Set<String> controllers(Path directory) throws IOException {
    return ControlFile.words(directory.resolve(CONTROLLERS));
  }

  private static Set<String> enabled(Path directory) throws IOException {
    return ControlFile.words(directory.resolve(SUBTREE_CONTROL));
  }

  @Override
  public Optional<String> obstacle(Resource resource) throws IOException {
    var controller = resource.controller();
    if (!Files.isWritable(own)) {
      return Optional.of("no permission to make a cgroup in %s; %s".formatted(own, advice()));
    }
    if (!controllers(own).contains(controller)) {
      return Optional.of(
          "the controller %s is not delegated to %s, the cgroup of this process; %s"
              .formatted(controller, own, advice()));
    }
    if (resource == Resource.SWAP
        && Files.exists(own.resolve("memory.max"))
        && !Files.exists(own.resolve("memory.swap.max"))) {
      return Optional.of("the kernel does not account for swap; boot with swapaccount=1");
    }
    return enabled(own).contains(controller) ? Optional.empty() : obstacleToEnabling();
  }

  private static String advice() {
    return Version.delegated(Processes.geteuid() == 0);
  }

  /// Only the real root has no type; it is exempt from the rule.
  private boolean root() {
    return !Files.exists(own.resolve("cgroup.type"));
  }

  private Optional<String> obstacleToEnabling() throws IOException {
    if (!Files.isWritable(own.resolve(SUBTREE_CONTROL))) {
      return Optional.of(
          "no permission to enable controllers in %s; %s"
              .formatted(own.resolve(SUBTREE_CONTROL), advice()));
    }
    if (root()) {
      return Optional.empty();
    }
    var type = ControlFile.read(own.resolve("cgroup.type"));
    if (!type.equals("domain")) {
      return Optional.of(
          "%s is a cgroup of threads (%s), which cannot have limits of memory; %s"
              .formatted(own, type, advice()));
    }
    var processes = ControlFile.words(own.resolve(PROCS));
    if (processes.isEmpty()) {
      return Optional.empty();
    }
    if (!processes.equals(Set.of(Long.toString(Owner.self().pid())))) {
      return Optional.of(
          """
          other processes share %s with this one, and a cgroup with processes cannot have children \
          with controllers; let the program have a cgroup of its own: %s\
          """
              .formatted(own, advice()));
    }
    return ours()
        ? Optional.empty()
        : Optional.of("%s is not delegated to this process; %s".formatted(own, advice()));
  }

  /// Whether the cgroup is delegated to this process: to its user, to its container, or by systemd,
  /// which marks it with an attribute.
  private boolean ours() throws IOException {
    int user = Processes.geteuid();
    if (!Files.getAttribute(own, "unix:uid").equals(user)) {
      return false;
    }
    if (user != 0 || namespaced) {
      return true;
    }
    var attributes = Files.getFileAttributeView(own, UserDefinedFileAttributeView.class);
    return attributes != null && attributes.list().contains("delegate");
  }

  @Override
  public Map<String, Path> own() {
    return Map.of("", own);
  }

  @Override
  public Map<String, Path> places(ResourceLimits limits) {
    return Files.isWritable(own) ? own() : Map.of();
  }

  @Override
  public void enable(Path parent, ResourceLimits limits) throws IOException {
    var wanted = limits.resources().stream().map(Resource::controller).collect(Collectors.toSet());
    var there = enabled(own);
    if (!there.containsAll(wanted)) {
      // Controllers that only count cost nothing more, so they are enabled too.
      wanted.addAll(ACCOUNTING);
      wanted.retainAll(controllers(own));
      enableInOwn(parent, wanted);
    } else {
      wanted.addAll(ACCOUNTING);
      wanted.retainAll(there);
    }
    enable(parent, wanted, enabled(parent));
  }

  private void enableInOwn(Path parent, Set<String> wanted) throws IOException {
    var pid = Long.toString(Owner.self().pid());
    boolean inside = !root() && ControlFile.words(own.resolve(PROCS)).contains(pid);
    var self = parent.resolve(SELF);
    if (inside) {
      try {
        Files.createDirectory(self);
      } catch (FileAlreadyExistsException anotherThread) {
        // Another thread is about to move the process, too.
      }
      ControlFile.write(self.resolve(PROCS), pid);
    }
    try {
      enable(own, wanted, enabled(own));
    } catch (IOException failure) {
      if (inside) {
        ControlFile.write(own.resolve(PROCS), pid);
        Files.delete(self);
      }
      throw failure;
    }
  }

  private static void enable(Path directory, Set<String> wanted, Set<String> there)
      throws IOException {
    var missing = new HashSet<>(wanted);
    missing.removeAll(there);
    if (!missing.isEmpty()) {
      var value = missing.stream().sorted().map(one -> "+" + one).collect(Collectors.joining(" "));
      ControlFile.write(directory.resolve(SUBTREE_CONTROL), value);
    }
  }

  @Override
  public void limit(Map<String, Path> directories, Resource resource, ResourceLimits limits)
      throws IOException {
    var directory = GroupDirectories.of(directories, "");
    switch (resource) {
      case MEMORY ->
          ControlFile.write(
              directory.resolve("memory.max"),
              Long.toString(limits.memory().orElseThrow().bytes()));
      case SWAP ->
          ControlFile.write(
              directory.resolve("memory.swap.max"),
              Long.toString(limits.swap().orElseThrow().bytes()));
      case PIDS ->
          ControlFile.write(
              directory.resolve("pids.max"), Integer.toString(limits.pids().orElseThrow()));
      case CPU ->
          ControlFile.write(
              directory.resolve("cpu.max"),
              Version.quota(limits.cpus().orElseThrow()) + " " + CPU_PERIOD);
    }
  }

  @Override
  public ResourceLimits readBack(
      Map<String, Path> directories, Resource resource, ResourceLimits others) throws IOException {
    var directory = GroupDirectories.of(directories, "");
    return switch (resource) {
      case MEMORY -> others.memory(ByteSize.bytes(number(directory.resolve("memory.max"), 0)));
      case SWAP -> others.swap(ByteSize.bytes(number(directory.resolve("memory.swap.max"), 0)));
      case PIDS -> others.pids((int) number(directory.resolve("pids.max"), 0));
      case CPU ->
          others.cpus(
              (double) number(directory.resolve("cpu.max"), 0)
                  / number(directory.resolve("cpu.max"), 1));
    };
  }

  private static long number(Path file, int index) throws IOException {
    var text = ControlFile.read(file);
    try {
      return Long.parseLong(List.of(text.split(" ", -1)).get(index));
    } catch (NumberFormatException | IndexOutOfBoundsException other) {
      throw new IOException("%s has '%s', which is not a limit".formatted(file, text), other);
    }
  }

  @Override
  public ResourceUsage usage(Map<String, Path> directories) throws IOException {
    var directory = GroupDirectories.of(directories, "");
    var cpu = directory.resolve("cpu.stat");
    return new ResourceUsage(
        micros(cpu, "user_usec"),
        micros(cpu, "system_usec"),
        ControlFile.number(directory.resolve("memory.peak")),
        ControlFile.number(directory.resolve("pids.peak")),
        ControlFile.entry(directory.resolve("memory.events"), "oom_kill").orElse(0),
        ControlFile.entry(directory.resolve("pids.events"), "max").orElse(0));
  }

  private static Duration micros(Path file, String key) throws IOException {
    return Duration.ofNanos(ControlFile.entry(file, key).orElse(0) * 1000);
  }
}
