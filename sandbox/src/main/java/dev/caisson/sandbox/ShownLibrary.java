package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A library directory as sandboxes see it at `/run/osbuild/lib`, read-only.
///
/// @param pythonPackage the package shown as its `osbuild`, in place of the entry of that name
record ShownLibrary(Path path, Optional<Path> pythonPackage) {
  /// The path in the sandbox.
  static final String PLACE = "/run/osbuild/lib";

  /// Whether the path is a new directory, which must be made read-only after the binds.
  boolean assembled() {
    return pythonPackage.isPresent();
  }

  /// The binds of the library, in order. No mount point can be made in a read-only directory, so a
  /// library that gets another package is shown entry by entry.
  List<Bind> binds() throws IOException {
    if (pythonPackage.isEmpty()) {
      return List.of(Bind.readOnly(path, PLACE));
    }
    var place = Path.of(PLACE);
    var binds = new ArrayList<>(List.of(Bind.tmpfs(PLACE)));
    try (var entries = Files.list(path)) {
      for (var entry : entries.sorted().toList()) {
        if (!entry.endsWith(PythonPackage.NAME)) {
          binds.add(bind(entry, place.resolve(entry.getFileName())));
        }
      }
    }
    binds.add(readOnly(pythonPackage.get(), place.resolve(PythonPackage.NAME)));
    return binds;
  }

  private static Bind bind(Path entry, Path target) throws IOException {
    return Files.isSymbolicLink(entry)
        ? new Bind.Symlink(Files.readSymbolicLink(entry).toString(), target)
        : readOnly(entry, target);
  }

  private static Bind readOnly(Path source, Path target) {
    return new Bind.Host(Bind.Access.READ_ONLY, source, target);
  }
}
