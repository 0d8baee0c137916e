package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.process.SpawnThread;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/// A set of processes with common limits. Neither a member nor its descendants can leave the
/// cgroup, unless they may write to the cgroup file system.
///
/// The processes are in a group one level below the group with the limits. A process that sees its
/// part of the cgroup file system, by a mount or a namespace, therefore finds no limit there to
/// lift.
///
/// A process enters by [#start], which is fast and never runs it outside the cgroup, or by [#add].
/// If no cgroup could be made and the limits were best effort, all methods are no-ops.
///
/// Thread-safe.
public final class Cgroup implements AutoCloseable {
  private final Version version;
  private final Map<String, Path> directories;
  private final Set<Path> distinct;
  private final ResourceLimits enforced;
  private final Duration patience;
  private boolean closed;

  Cgroup(
      Version version, Map<String, Path> directories, ResourceLimits enforced, Duration patience) {
    this.version = version;
    this.directories = Map.copyOf(directories);
    this.distinct = new LinkedHashSet<>(directories.values());
    this.enforced = enforced;
    this.patience = patience;
  }

  /// The enforced limits, as read back from the kernel.
  public ResourceLimits enforced() {
    return enforced;
  }

  /// The directories with the limits, one in each hierarchy.
  public List<Path> directories() {
    return List.copyOf(distinct);
  }

  /// Describes a process that executes this file in the cgroup, if started by [#start].
  ///
  /// With version 2, `/bin/sh` moves itself into the cgroup and then executes the file; with
  /// version 1, the file is executed directly.
  public Spawn spawn(Path executable) {
    var two = directories.get("");
    return two == null
        ? Spawn.of(executable)
        : Spawn.of(Path.of("/bin/sh"))
            .args(
                "-c",
                "echo 0 > \"$0\" && exec \"$@\"",
                GroupDirectories.members(two).resolve("cgroup.procs").toString())
            .args(executable.toString());
  }

  /// Starts a process from [#spawn]; no part of it runs outside the cgroup.
  ///
  /// With version 1 the thread enters the cgroup and comes back, which takes a fraction of a
  /// millisecond: a single thread may move itself without waiting for all processors, unlike a
  /// whole process.
  ///
  /// @return the child, which the caller must wait for or close
  /// @throws IOException if the thread cannot be moved
  /// @throws SystemCallException if the process cannot be started: EAGAIN if the limit of processes
  ///   is reached
  public synchronized Child start(Spawn spawn, SpawnThread thread) throws IOException {
    checkOpen();
    if (directories.isEmpty() || version instanceof Version2) {
      return spawn.startFrom(thread);
    }
    try {
      return thread.call(() -> startInside(spawn, thread));
    } catch (UncheckedIOException failure) {
      throw Objects.requireNonNull(failure.getCause());
    }
  }

  private Child startInside(Spawn spawn, SpawnThread thread) throws SystemCallException {
    Child child;
    try {
      for (var directory : distinct) {
        move(GroupDirectories.members(directory));
      }
      child = spawn.startFrom(thread);
    } catch (SystemCallException | RuntimeException failure) {
      leave();
      throw failure;
    }
    try {
      leave();
    } catch (RuntimeException failure) {
      child.close();
      throw failure;
    }
    return child;
  }

  private void leave() {
    new LinkedHashSet<>(version.own().values()).forEach(Cgroup::move);
  }

  /// Moves the calling thread.
  private static void move(Path directory) {
    try {
      ControlFile.write(directory.resolve("tasks"), "0");
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  /// Moves a process into the cgroup. Its future children are members; its existing ones are not.
  ///
  /// Takes about ten milliseconds, as the kernel waits for all processors. No-op if the process has
  /// ended. The caller must ensure that the pid has not been reused.
  ///
  /// @throws IOException if the kernel refuses
  public synchronized void add(int pid) throws IOException {
    checkOpen();
    if (pid <= 0 || pid == Owner.self().pid()) {
      throw new IllegalArgumentException(
          "cannot put the process %d into a cgroup: the pid must be that of another process"
              .formatted(pid));
    }
    for (var directory : distinct) {
      try {
        ControlFile.write(
            GroupDirectories.members(directory).resolve("cgroup.procs"), Integer.toString(pid));
      } catch (IOException failure) {
        if (failure.getCause() instanceof SystemCallException cause
            && cause.errno() == Errno.ESRCH) {
          return;
        }
        throw failure;
      }
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the cgroup has been closed");
    }
  }

  /// The resources used so far.
  ///
  /// @throws IOException if the kernel's files cannot be read
  public ResourceUsage usage() throws IOException {
    return directories.isEmpty() ? ResourceUsage.NONE : version.usage(directories);
  }

  /// Kills all processes, including those forked meanwhile, and waits until none is left.
  ///
  /// @throws dev.caisson.linux.DeadlineException if a process does not die within ten seconds,
  ///   which happens only if it is blocked in the kernel
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  public synchronized void kill() throws IOException {
    if (!closed) {
      Killing.kill(distinct, Deadline.in(patience));
    }
  }

  /// Kills all processes and removes the cgroup. A cgroup that cannot be removed within ten seconds
  /// is left to [Cgroups#sweep()]. Never throws. Idempotent.
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (GroupDirectories.remove(distinct)) {
      return;
    }
    boolean interrupted = Thread.interrupted();
    var deadline = Deadline.in(patience);
    try {
      Removal.killAndRemove(List.copyOf(distinct), deadline);
    } catch (IOException left) {
      // A process that survives SIGKILL is blocked in the kernel.
    } finally {
      GroupDirectories.remove(distinct);
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public String toString() {
    return "cgroup " + distinct;
  }
}
