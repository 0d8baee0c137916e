package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// Removes cgroups. Only directories are removed: their control files go with them.
final class Removal {
  private Removal() {}

  /// Kills the processes in these directories and below, and removes the directories.
  ///
  /// An empty list of processes does not mean that the kernel has finished with them; only a
  /// successful removal proves it.
  static void killAndRemove(List<Path> directories, Deadline deadline) throws IOException {
    var pause = new Pause();
    while (true) {
      Killing.kill(directories, deadline);
      boolean all = true;
      for (var directory : directories) {
        all &= tryRemoveTree(directory);
      }
      if (all) {
        return;
      }
      if (deadline.expired()) {
        throw deadline.exception("the removal of " + directories);
      }
      pause.next();
    }
  }

  private static boolean tryRemoveTree(Path directory) throws IOException {
    if (GroupDirectories.tryRemove(directory)) {
      return true;
    }
    for (var child : GroupDirectories.children(directory)) {
      tryRemoveTree(child);
    }
    return GroupDirectories.tryRemove(directory);
  }
}
