package dev.caisson.engine.run;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.files.BoundedFile;
import dev.caisson.linux.file.OsRelease;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/// Finds the runner that prepares a build root for the executables of a library directory.
///
/// A runner is named after a distribution and its version, such as `org.osbuild.fedora38`. A build
/// root gets the first of these that exists: the runner of its distribution with the highest
/// version that is not above its own; the runner of a distribution in its `ID_LIKE`;
/// `org.osbuild.linux`.
final class Runners {
  private static final Pattern NAME = Pattern.compile("(.*?)(\\d*)");
  private static final String PREFIX = "org.osbuild.";

  private final Path directory;

  Runners(Path libdir) {
    directory = libdir.resolve("runners");
  }

  /// Finds the runner that a manifest names, or the nearest older one.
  Path named(String name) throws IOException {
    return best(name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name)
        .orElseThrow(() ->
            new BuildException(Step.STAGE, "no runner '%s' in %s".formatted(name, directory)));
  }

  /// Finds the runner for a root file system.
  Path forRoot(Path root) throws IOException {
    var release = osRelease(root);
    var candidates = new ArrayList<String>();
    candidates.add(
        release.getOrDefault("ID", "") + release.getOrDefault("VERSION_ID", "").replace(".", ""));
    candidates.addAll(List.of(release.getOrDefault("ID_LIKE", "").split(" ", -1)));
    candidates.add("linux");
    for (var candidate : candidates) {
      var found = best(candidate);
      if (found.isPresent()) {
        return found.get();
      }
    }
    throw new BuildException(
        Step.STAGE,
        "no runner in %s suits %s".formatted(directory, root),
        "Name one in the manifest, with 'runner' of the pipeline");
  }

  private Optional<Path> best(String wanted) throws IOException {
    var target = NAME.matcher(wanted);
    if (wanted.isEmpty() || !target.matches()) {
      return Optional.empty();
    }
    record Candidate(Path path, long version) {}
    var candidates = new ArrayList<Candidate>();
    try (var entries = Files.newDirectoryStream(directory, PREFIX + "*")) {
      for (var entry : entries) {
        var own = NAME.matcher(String.valueOf(entry.getFileName()).substring(PREFIX.length()));
        if (own.matches() && own.group(1).equals(target.group(1)) && Files.isExecutable(entry)) {
          candidates.add(new Candidate(entry, version(own.group(2))));
        }
      }
    }
    long highest = target.group(2).isEmpty() ? Long.MAX_VALUE : version(target.group(2));
    return candidates.stream()
        .filter(candidate -> candidate.version() <= highest)
        .max(Comparator.comparingLong(Candidate::version))
        .map(Candidate::path);
  }

  private static long version(String digits) {
    return digits.isEmpty() || digits.length() > 9 ? 0 : Long.parseLong(digits);
  }

  /// See `os-release(5)`.
  private static Map<String, String> osRelease(Path root) throws IOException {
    for (var name : List.of("etc/os-release", "usr/lib/os-release")) {
      var text = BoundedFile.OS_RELEASE.readInTree(root, name);
      if (text.isPresent()) {
        return OsRelease.variables(text.get());
      }
    }
    return Map.of();
  }
}
