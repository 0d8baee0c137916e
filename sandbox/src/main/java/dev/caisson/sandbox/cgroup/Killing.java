package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// Kills all processes of some cgroups, however fast they fork.
///
/// The kernel does this where it can (version 2 since Linux 5.14). Otherwise the processes are
/// frozen, if a freezer exists, and killed by pid. Without a freezer, they are killed repeatedly
/// until none is left.
final class Killing {
  /// The time for freezing, which waits for processes in uninterruptible system calls.
  private static final Duration FREEZING = Duration.ofSeconds(2);

  /// The number of processes held at once: each needs a descriptor.
  private static final int BATCH = 128;

  private Killing() {}

  /// Returns when no process is left in these directories, nor in any below them.
  static void kill(Collection<Path> directories, Deadline deadline) throws IOException {
    var pause = new Pause();
    while (true) {
      var all = tree(directories);
      var pids = processes(all);
      if (pids.isEmpty()) {
        return;
      }
      if (deadline.expired()) {
        throw deadline.exception("the end of the processes %s in %s".formatted(pids, directories));
      }
      killOnce(directories, all);
      pause.next();
    }
  }

  private static void killOnce(Collection<Path> directories, Collection<Path> all)
      throws IOException {
    var byTheKernel = directories.stream().map(one -> one.resolve("cgroup.kill")).toList();
    if (byTheKernel.stream().allMatch(Files::exists)) {
      for (var file : byTheKernel) {
        ControlFile.write(file, "1");
      }
      return;
    }
    var freezers =
        directories.stream()
            .map(one -> one.resolve("freezer.state"))
            .filter(Files::exists)
            .toList();
    try {
      freeze(freezers);
      killByNumber(all);
    } finally {
      for (var freezer : freezers) {
        ControlFile.write(freezer, "THAWED");
      }
    }
  }

  private static void freeze(List<Path> freezers) throws IOException {
    var deadline = Deadline.in(FREEZING);
    for (var freezer : freezers) {
      ControlFile.write(freezer, "FROZEN");
    }
    for (var freezer : freezers) {
      var pause = new Pause();
      while (!ControlFile.read(freezer).equals("FROZEN") && !deadline.expired()) {
        pause.next();
      }
    }
  }

  private static void killByNumber(Collection<Path> all) throws IOException {
    var pids = List.copyOf(processes(all));
    for (int first = 0; first < pids.size(); first += BATCH) {
      var held = new LinkedHashMap<Long, Fd>();
      try {
        for (long pid : pids.subList(first, Math.min(pids.size(), first + BATCH))) {
          Processes.pidfdOpen((int) pid).ifPresent(fd -> held.put(pid, fd));
        }
        // A pid that is still listed after its pidfd was opened is that of the intended process.
        var still = processes(all);
        for (Map.Entry<Long, Fd> process : held.entrySet()) {
          if (still.contains(process.getKey())) {
            Processes.pidfdSendSignal(process.getValue(), Signal.KILL);
          }
        }
      } finally {
        Fd.closeAll(held.values());
      }
    }
  }

  /// The processes of exactly these cgroups. Excludes processes outside this pid namespace, which
  /// are listed as 0, and this process, which may have a thread there.
  private static Set<Long> processes(Collection<Path> directories) throws IOException {
    var pids = new TreeSet<Long>();
    for (var directory : directories) {
      for (var pid : ControlFile.words(directory.resolve("cgroup.procs"))) {
        pids.add(Long.parseLong(pid));
      }
    }
    pids.remove(0L);
    pids.remove(Owner.self().pid());
    return pids;
  }

  private static Collection<Path> tree(Collection<Path> directories) throws IOException {
    var all = new LinkedHashSet<Path>();
    for (var directory : directories) {
      all.add(directory);
      all.addAll(tree(GroupDirectories.children(directory)));
    }
    return all;
  }
}
