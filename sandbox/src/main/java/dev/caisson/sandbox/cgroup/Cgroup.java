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

/// A set of processes with limits of their own. Who is in it cannot leave it, nor can its
/// descendants, unless they may write to the cgroup file system.
///
/// The processes are one level below the group that has the limits: who is given a part of the
/// cgroup file system, by a mount or a namespace, finds no limit there that could be lifted.
///
/// A process gets into it by [#start], which is quick and leaves no moment outside, or by [#add].
/// Where no cgroup could be made, and that was no error, all of this does nothing.
///
/// Any number of threads may use it.
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

  /// The limits that hold, as the kernel tells them.
  public ResourceLimits enforced() {
    return enforced;
  }

  /// The directories that have the limits, one in each hierarchy.
  public List<Path> directories() {
    return List.copyOf(distinct);
  }

  /// A process that will execute this file in the cgroup if it is started by [#start].
  ///
  /// With version 2 it is `/bin/sh` that moves itself and then executes the file; with version 1,
  /// the file itself.
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

  /// Starts a process that [#spawn] gave; nothing of it runs outside of the cgroup.
  ///
  /// With version 1 the thread goes into the cgroup and comes back, which takes a fraction of a
  /// millisecond: a single thread may move itself without waiting for all processors, as a whole
  /// process must.
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

  /// Moves the thread that calls it.
  private static void move(Path directory) {
    try {
      ControlFile.write(directory.resolve("tasks"), "0");
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  /// Moves a process into it; its children of later are in it, those of before are not.
  ///
  /// The kernel waits for all processors to take notice, about ten milliseconds. A process that has
  /// ended is left in peace; the caller must know that the number is still its.
  ///
  /// @throws IOException if the kernel refuses
  public synchronized void add(int pid) throws IOException {
    checkOpen();
    if (pid <= 0 || pid == Owner.self().pid()) {
      throw new IllegalArgumentException("not a process to be put into a cgroup: " + pid);
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

  /// What has been used so far.
  ///
  /// @throws IOException if the kernel's files cannot be read
  public ResourceUsage usage() throws IOException {
    return directories.isEmpty() ? ResourceUsage.NONE : version.usage(directories);
  }

  /// Kills every process in it, those too that are born meanwhile, and waits until none is left.
  ///
  /// @throws dev.caisson.linux.DeadlineException if one does not die in ten seconds, which can only
  ///   be if it sits in the kernel
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  public synchronized void kill() throws IOException {
    if (!closed) {
      Killing.kill(distinct, Deadline.in(patience));
    }
  }

  /// Kills what is in it and removes it. Never throws: what cannot be removed in ten seconds is
  /// left to [Cgroups#sweep()]. Idempotent.
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
      // A process that does not die by SIGKILL sits in the kernel.
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
