package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
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
    if (tryRemove(directory)) {
      return true;
    }
    for (var child : children(directory)) {
      tryRemoveTree(child);
    }
    return tryRemove(directory);
  }

  /// Removes it if nothing is in it.
  static boolean tryRemove(Path directory) {
    try {
      Files.deleteIfExists(directory);
      return true;
    } catch (IOException busy) {
      return false;
    }
  }

  static List<Path> children(Path directory) throws IOException {
    var children = new ArrayList<Path>();
    try (var entries = Files.newDirectoryStream(directory, Files::isDirectory)) {
      entries.forEach(children::add);
    } catch (NoSuchFileException gone) {
      // Another removes it, too.
    } catch (java.nio.file.DirectoryIteratorException failure) {
      throw failure.getCause();
    }
    return children;
  }
}
