package dev.caisson.sandbox;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// Records the directories of the host that a sandbox shows, and rejects targets behind a symbolic
/// link in one of them.
///
/// bubblewrap creates its mount points itself; a link could lead it outside the sandbox at that
/// moment. Trees that an earlier run could write to may contain such links.
final class Targets {
  private static final Path API = Path.of(Layout.API);

  private final Map<Path, Path> shown = new LinkedHashMap<>();

  /// Records that the sandbox shows a directory of the host at a path.
  void shown(Path place, Path source) {
    shown.put(place.normalize(), source);
  }

  /// Checks the path to a mount point.
  ///
  /// @throws IllegalArgumentException if a symbolic link is on the way, or the path has '.' or '..'
  void check(Path place) {
    if (!place.equals(place.normalize())) {
      throw new IllegalArgumentException(
          "a path in the sandbox must not contain '.' or '..': " + place);
    }
    if (API.startsWith(place)) {
      throw new IllegalArgumentException(
          "cannot mount at %s in the sandbox: its own sockets are below /run/osbuild. Mount below it"
              .formatted(place));
    }
    shown.forEach((at, source) -> {
      if (!place.equals(at) && place.startsWith(at)) {
        var here = source;
        for (var name : at.relativize(place)) {
          here = here.resolve(name);
          if (Files.isSymbolicLink(here)) {
            throw new IllegalArgumentException(
                "cannot mount at %s in the sandbox: %s is a symbolic link and could lead out"
                    .formatted(place, here));
          }
        }
      }
    });
  }
}
