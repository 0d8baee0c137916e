package dev.caisson.sandbox;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// Where in the sandbox directories of the host are shown, so that nothing is put at a place to
/// which a symbolic link in one of them would lead.
///
/// bubblewrap makes the places of its mounts itself, and while it does so a link could name what
/// lies outside the sandbox. Trees that an earlier run could write to may hold such links.
final class Targets {
  private final Map<Path, Path> shown = new LinkedHashMap<>();

  /// Notes that a directory of the host is to be seen at a place.
  void shown(Path place, Path source) {
    shown.put(place.normalize(), source);
  }

  /// Looks along the way to a place.
  ///
  /// @throws IllegalArgumentException if there is a symbolic link on it, or it is no plain path
  void check(Path place) {
    if (!place.equals(place.normalize())) {
      throw new IllegalArgumentException(
          "a place in the sandbox must be a plain path, without '.' and '..': " + place);
    }
    shown.forEach((at, source) -> {
      if (!place.equals(at) && place.startsWith(at)) {
        var here = source;
        for (var name : at.relativize(place)) {
          here = here.resolve(name);
          if (Files.isSymbolicLink(here)) {
            throw new IllegalArgumentException(
                "%s cannot be put into the sandbox: %s is a symbolic link, which might lead out"
                    .formatted(place, here));
          }
        }
      }
    });
  }
}
