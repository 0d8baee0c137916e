package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The files of the host that a sandbox shows, and their paths in it, as the arguments of
/// bubblewrap say. Reads the host, and changes nothing.
final class ShownFiles {
  private static final Path ROOT = Path.of("/");

  /// The kernel's limit (MAXSYMLINKS). See `path_resolution(7)`.
  private static final int MOST_LINKS = 40;

  /// A mount, or a file that bubblewrap makes.
  ///
  /// @param source the file of the host; empty for a new one
  private record Shown(Path at, Optional<Path> source) {}

  /// A file of the sandbox.
  ///
  /// @param path its path, without symbolic links
  /// @param source the file of the host; empty if the sandbox has no such file
  record Found(Path path, Optional<Path> source) {}

  private final List<Shown> all = new ArrayList<>();

  private ShownFiles() {}

  /// Reads the arguments of bubblewrap: options, each with its values after it.
  static ShownFiles of(List<Object> options) {
    var files = new ShownFiles();
    for (int i = 0; i < options.size(); i++) {
      switch (options.get(i).toString()) {
        case "--ro-bind", "--bind", "--dev-bind", "--ro-bind-try" -> {
          var source = path(options.get(i + 1));
          if (Files.exists(source)) {
            files.all.add(new Shown(path(options.get(i + 2)), Optional.of(source)));
          }
        }
        case "--tmpfs", "--proc", "--dev" ->
            files.all.add(new Shown(path(options.get(i + 1)), Optional.empty()));
        case "--file", "--bind-data", "--ro-bind-data", "--symlink" ->
            files.all.add(new Shown(path(options.get(i + 2)), Optional.empty()));
        default -> {
          // Another option, or a value.
        }
      }
    }
    return files;
  }

  private static Path path(Object value) {
    return value instanceof Path path ? path : Path.of(value.toString());
  }

  /// The last mount or new file at a path or above it, which covers the earlier ones.
  private Optional<Shown> cover(Path path) {
    return all.reversed().stream().filter(shown -> path.startsWith(shown.at())).findFirst();
  }

  /// The file of the host that is at a path without symbolic links.
  private Optional<Path> source(Path path) {
    return cover(path)
        .flatMap(shown ->
            shown.source().map(source -> source.resolve(shown.at().relativize(path).toString())))
        .filter(file -> Files.exists(file, LinkOption.NOFOLLOW_LINKS));
  }

  /// Whether a path is a new directory with a mount or file below it.
  private boolean leadsToAnother(Path path) {
    return all.stream().anyMatch(shown -> shown.at().startsWith(path));
  }

  /// Whether bubblewrap makes a new file at exactly this path.
  boolean isNew(Path path) {
    return cover(path).filter(shown -> shown.at().equals(path)).isPresent();
  }

  /// Follows the symbolic links of a path, as a program in the sandbox does.
  ///
  /// @return empty if the links form a loop, or the path leads below a mount that lacks the file
  Optional<Found> find(Path path) {
    var here = ROOT;
    var rest = new ArrayDeque<Path>();
    path.forEach(rest::add);
    int links = 0;
    while (!rest.isEmpty()) {
      var next = here.resolve(rest.remove()).normalize();
      var source = source(next);
      if (source.isEmpty() && leadsToAnother(next)) {
        here = next;
        continue;
      }
      if (source.isEmpty()) {
        for (var name : rest) {
          next = next.resolve(name);
        }
        boolean canBeMade = cover(next).map(shown -> shown.source().isEmpty()).orElse(true);
        return canBeMade ? Optional.of(new Found(next, Optional.empty())) : Optional.empty();
      }
      if (!Files.isSymbolicLink(source.get())) {
        here = next;
        continue;
      }
      if (++links > MOST_LINKS) {
        return Optional.empty();
      }
      try {
        var names = new ArrayList<Path>();
        var target = Files.readSymbolicLink(source.get());
        target.forEach(names::add);
        names.reversed().forEach(rest::addFirst);
        here = target.isAbsolute() ? ROOT : here;
      } catch (IOException gone) {
        return Optional.empty();
      }
    }
    return Optional.of(new Found(here, source(here)));
  }

  /// The entries of a directory, unless bubblewrap makes it.
  ///
  /// @param most the limit of entries
  /// @return the files of the host by their paths in the sandbox
  Map<Path, Path> entries(Path directory, int most) {
    var entries = new LinkedHashMap<Path, Path>();
    var found = find(directory);
    var source = found.flatMap(Found::source);
    // A directory stream would wait for the writer of a FIFO.
    if (source.isEmpty() || !Files.isDirectory(source.get(), LinkOption.NOFOLLOW_LINKS)) {
      return entries;
    }
    try (var stream = Files.newDirectoryStream(source.get())) {
      for (var entry : stream) {
        if (entries.size() == most) {
          break;
        }
        entries.put(found.orElseThrow().path().resolve(entry.getFileName()), entry);
      }
    } catch (IOException unreadable) {
      // The user may not read it.
    }
    return entries;
  }
}
