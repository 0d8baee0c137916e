package dev.caisson.sandbox.cgroup;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// The directories of a cgroup: in each hierarchy, one with the limits, and one below it with the
/// processes.
final class GroupDirectories {
  private GroupDirectories() {}

  /// The group with the processes, below the group with the limits.
  static Path members(Path directory) {
    return directory.resolve("members");
  }

  /// The directory of a controller.
  ///
  /// @throws IOException if the controller has no directory
  static Path of(Map<String, Path> directories, String controller) throws IOException {
    var directory = directories.get(controller);
    if (directory == null) {
      throw new IOException("there is no cgroup for the controller '" + controller + "'");
    }
    return directory;
  }

  /// The parent of a directory.
  static Path parent(Path directory) {
    return Objects.requireNonNull(directory.getParent());
  }

  /// Removes empty directories, and their parents if these are empty afterwards.
  ///
  /// @return whether all the given directories are gone
  static boolean remove(Iterable<Path> directories) {
    var distinct = new LinkedHashSet<Path>();
    directories.forEach(distinct::add);
    boolean all = true;
    for (var directory : distinct) {
      all &= tryRemove(members(directory)) && tryRemove(directory);
      tryRemove(parent(directory));
    }
    return all;
  }

  /// Removes a directory if it is empty.
  static boolean tryRemove(Path directory) {
    try {
      Files.deleteIfExists(directory);
      return true;
    } catch (IOException busy) {
      return false;
    }
  }

  /// The child cgroups of a directory; empty if it is gone.
  static List<Path> children(Path directory) throws IOException {
    var children = new ArrayList<Path>();
    try (var entries = Files.newDirectoryStream(directory, Files::isDirectory)) {
      entries.forEach(children::add);
    } catch (NoSuchFileException gone) {
      // Another thread or process removes it, too.
    } catch (java.nio.file.DirectoryIteratorException failure) {
      throw failure.getCause();
    }
    return children;
  }
}
