package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// The control groups of this machine, as far as this process may use them.
///
/// New cgroups are made below the cgroup of the process itself, so its own limits apply to them
/// too. They are in a directory of this JVM, which exists while it contains a cgroup. If the JVM is
/// killed, the [#sweep()] of another JVM removes it.
///
/// Thread-safe.
public final class Cgroups {
  private static final Duration REMOVAL = Duration.ofSeconds(10);
  private static final Set<String> CONTROLLERS = Set.of("memory", "pids", "cpu");
  private static final int LONGEST_NAME = 64;
  private static final int TRIES = 20;

  private final Version version;

  private Cgroups(Version version) {
    this.version = version;
  }

  /// Finds the mounted hierarchies and the cgroups of this process. Changes nothing.
  ///
  /// @throws IOException if `/proc` cannot be read
  public static Cgroups detect() throws IOException {
    return detect(Path.of("/proc/self/mountinfo"), Path.of("/proc/self/cgroup"));
  }

  static Cgroups detect(Path mountinfo, Path cgroup) throws IOException {
    var hierarchies = Hierarchy.find(mountinfo, cgroup);
    Optional<Version2> second = Optional.empty();
    boolean firstHasControllers = false;
    for (var hierarchy : hierarchies) {
      if (hierarchy.version() == 2) {
        second = Optional.of(new Version2(hierarchy));
      }
      firstHasControllers |= !Collections.disjoint(hierarchy.controllers(), CONTROLLERS);
    }
    if (second.isPresent() && (second.get().hasControllers() || !firstHasControllers)) {
      return new Cgroups(second.get());
    }
    return new Cgroups(new Version1(hierarchies));
  }

  /// Explains why a resource cannot be limited here, and what to do; empty if it can be limited.
  ///
  /// @throws IOException if the kernel's files cannot be read
  public Optional<String> obstacle(Resource resource) throws IOException {
    return version.obstacle(resource);
  }

  /// Makes an empty cgroup.
  ///
  /// @param name 1 to 64 letters, digits, `-` and `_`; unique in this JVM
  /// @return the cgroup, which the caller closes
  /// @throws ResourceLimitException if a limit cannot be enforced and the limits are not best
  ///   effort; nothing is left behind
  /// @throws IOException if no cgroup can be made at all
  public Cgroup create(String name, ResourceLimits limits) throws IOException {
    if (!isName(name)) {
      throw new IllegalArgumentException(
          "the name of a cgroup is 1 to 64 letters, digits, - and _, not '%s'".formatted(name));
    }
    boolean required = limits.enforcement() == ResourceLimits.Enforcement.REQUIRED;
    var wanted = new ArrayList<Resource>();
    for (var resource : limits.resources()) {
      var obstacle = version.obstacle(resource);
      if (obstacle.isEmpty()) {
        wanted.add(resource);
      } else if (required) {
        throw exception(resource, limits, obstacle.get());
      }
    }
    var feasible = only(wanted, limits);
    var directories = new LinkedHashMap<String, Path>();
    try {
      makeAll(name, feasible, directories);
      if (directories.isEmpty() && required) {
        throw new IOException(
            "no cgroup can be made: "
                + version.obstacle(Resource.MEMORY).orElse("none is mounted"));
      }
      var enforced = ResourceLimits.none();
      for (var resource : wanted) {
        try {
          version.limit(directories, resource, feasible);
          enforced = version.readBack(directories, resource, enforced);
        } catch (IOException failure) {
          if (required) {
            var exception = exception(resource, limits, reason(failure));
            exception.initCause(failure);
            throw exception;
          }
        }
      }
      for (var directory : new LinkedHashSet<>(directories.values())) {
        Files.createDirectory(GroupDirectories.members(directory));
      }
      return new Cgroup(version, directories, required ? enforced : enforced.bestEffort(), REMOVAL);
    } catch (IOException | RuntimeException failure) {
      GroupDirectories.remove(directories.values());
      throw failure;
    }
  }

  private static boolean isName(String name) {
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_') {
        return false;
      }
    }
    return !name.isEmpty() && name.length() <= LONGEST_NAME;
  }

  private static ResourceLimitException exception(
      Resource resource, ResourceLimits limits, String reason) {
    return new ResourceLimitException(resource, limits.value(resource).orElse(""), reason);
  }

  private static String reason(IOException failure) {
    return java.util.Objects.requireNonNullElse(failure.getMessage(), failure.toString());
  }

  private static ResourceLimits only(List<Resource> wanted, ResourceLimits limits) {
    var only = ResourceLimits.none();
    for (var resource : wanted) {
      only =
          switch (resource) {
            case MEMORY -> only.memory(limits.memory().orElseThrow());
            case SWAP -> only.swap(limits.swap().orElseThrow());
            case PIDS -> only.pids(limits.pids().orElseThrow());
            case CPU -> only.cpus(limits.cpus().orElseThrow());
          };
    }
    return limits.enforcement() == ResourceLimits.Enforcement.REQUIRED ? only : only.bestEffort();
  }

  private void makeAll(String name, ResourceLimits limits, Map<String, Path> directories)
      throws IOException {
    var made = new LinkedHashMap<Path, Path>();
    for (var place : version.places(limits).entrySet()) {
      var directory = made.get(place.getValue());
      if (directory == null) {
        directory = make(place.getValue().resolve(Owner.self().name()), name);
        made.put(place.getValue(), directory);
      }
      directories.put(place.getKey(), directory);
    }
    for (var directory : made.values()) {
      try {
        version.enable(GroupDirectories.parent(directory), limits);
      } catch (IOException failure) {
        if (limits.enforcement() == ResourceLimits.Enforcement.REQUIRED) {
          throw failure;
        }
      }
    }
  }

  /// Makes a cgroup. Another thread that closes the last cgroup of the parent may remove the parent
  /// at any moment, so this retries.
  private static Path make(Path parent, String name) throws IOException {
    var directory = parent.resolve(name);
    for (int tries = 1; ; tries++) {
      try {
        Files.createDirectory(parent);
      } catch (FileAlreadyExistsException usual) {
        // Another cgroup is in it.
      }
      try {
        return Files.createDirectory(directory);
      } catch (FileAlreadyExistsException twice) {
        throw new IOException("a cgroup of this name exists already: " + directory, twice);
      } catch (FileSystemException gone) {
        if (tries == TRIES) {
          GroupDirectories.tryRemove(parent);
          throw new IOException("cannot make the cgroup " + directory, gone);
        }
      }
    }
  }

  /// The directories for this JVM's cgroups, one in each hierarchy that it may use.
  ///
  /// Each exists only while it contains a cgroup. A process that outlives the JVM may kill the
  /// members, and remove the directories, the deepest first.
  public List<Path> directories() {
    return version.own().values().stream()
        .distinct()
        .map(own -> own.resolve(Owner.self().name()))
        .toList();
  }

  /// Removes the cgroups of killed JVMs below the same cgroup as this one's, and kills the
  /// processes in them. JVMs that are alive, or in another pid namespace, are left alone.
  ///
  /// Blocks until that is done, at most ten seconds for each JVM.
  ///
  /// @return the directories that were removed
  /// @throws IOException if a directory cannot be removed; all others have been removed
  public List<Path> sweep() throws IOException {
    var left = new LinkedHashMap<Owner, List<Path>>();
    for (var own : new LinkedHashSet<>(version.own().values())) {
      for (var directory : GroupDirectories.children(own)) {
        Owner.parse(String.valueOf(directory.getFileName()))
            .ifPresent(
                owner -> left.computeIfAbsent(owner, key -> new ArrayList<>()).add(directory));
      }
    }
    var removed = new ArrayList<Path>();
    var failures = new ArrayList<IOException>();
    for (var entry : left.entrySet()) {
      try {
        if (entry.getKey().gone()) {
          Removal.killAndRemove(entry.getValue(), Deadline.in(REMOVAL));
          removed.addAll(entry.getValue());
        }
      } catch (IOException failure) {
        failures.add(failure);
      }
    }
    if (!failures.isEmpty()) {
      var first = failures.removeFirst();
      failures.forEach(first::addSuppressed);
      throw first;
    }
    return removed;
  }
}
