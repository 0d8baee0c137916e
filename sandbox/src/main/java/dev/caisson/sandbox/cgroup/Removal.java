package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// Removes cgroups. The directories alone are removed: their files go with them.
final class Removal {
  private Removal() {}

  /// Kills what is in these and in those below them, and removes them all.
  ///
  /// That a list of processes is empty does not say that the kernel is done with them: only that a
  /// directory can be removed does.
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
