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

/// Where a cgroup lies: a directory in each hierarchy that has the limits, and one below it with
/// the processes.
final class GroupDirectories {
  private GroupDirectories() {}

  /// The group with the processes, below one that has the limits.
  static Path members(Path directory) {
    return directory.resolve("members");
  }

  /// The directory of a controller.
  ///
  /// @throws IOException if there is none
  static Path of(Map<String, Path> directories, String controller) throws IOException {
    var directory = directories.get(controller);
    if (directory == null) {
      throw new IOException("there is no cgroup for the controller '" + controller + "'");
    }
    return directory;
  }

  /// What a directory lies in.
  static Path parent(Path directory) {
    return Objects.requireNonNull(directory.getParent());
  }

  /// Removes empty directories, and those that they are in if these are empty then.
  ///
  /// @return whether all of the former are gone
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

  /// Removes it if nothing is in it.
  static boolean tryRemove(Path directory) {
    try {
      Files.deleteIfExists(directory);
      return true;
    } catch (IOException busy) {
      return false;
    }
  }

  /// The cgroups below one; none if it is gone.
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
