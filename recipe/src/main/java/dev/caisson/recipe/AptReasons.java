package dev.caisson.recipe;

import dev.caisson.engine.manifest.Nearest;
import dev.caisson.sandbox.RunResult;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Explains why apt cannot resolve a recipe: apt's own reasons, and what the recipe could ask for
/// instead.
final class AptReasons {
  private static final Pattern UNKNOWN = Pattern.compile("E: Unable to locate package (\\S+)");
  private static final Pattern WITHOUT_CANDIDATE =
      Pattern.compile("E: Package '(\\S+)' has no installation candidate");
  private static final Pattern WITHOUT_CHOICE =
      Pattern.compile("E: (?:Version|Release) '[^']*' for '(\\S+)' was not found");

  private static final int MOST_VERSIONS = 10;

  /// Answers questions to apt, with the packages that it knows.
  @FunctionalInterface
  interface Apt {
    /// Runs a program, and returns its standard output.
    String ask(String... argv) throws IOException;
  }

  private AptReasons() {}

  /// Returns the reasons, each on its own line.
  ///
  /// @param install the failed `apt-get install`
  static String of(RunResult install, Apt apt) throws IOException {
    var text = new StringBuilder(fromOutput(install.text()));
    for (var line : install.errorText().strip().lines().toList()) {
      text.append(line).append('\n').append(hint(line, apt));
    }
    return text.toString().strip();
  }

  /// The lines about the packages that provide a virtual package or replace a missing one, and the
  /// unmet dependencies. apt prints these to its standard output.
  private static String fromOutput(String output) {
    return output
        .lines()
        .dropWhile(line -> !line.startsWith("Package ") && !line.startsWith("The following "))
        .filter(line -> !line.isBlank())
        .map(line -> line + "\n")
        .collect(Collectors.joining());
  }

  private static String hint(String line, Apt apt) throws IOException {
    var unknown = UNKNOWN.matcher(line);
    if (unknown.find()) {
      var name = unknown.group(1).replaceFirst("[:=/].*", "");
      var known = apt.ask("apt-cache", "pkgnames").lines().toList();
      return known.contains(name)
          ? line("The package %s exists for other architectures.".formatted(name))
          : line(Nearest.question(name, known));
    }
    var missing = WITHOUT_CANDIDATE.matcher(line);
    if (missing.find()) {
      var versions = versions(missing.group(1), apt);
      return versions.isEmpty()
          ? ""
          : line(
              "Other suites have it: %s. Ask for %s/SUITE"
                  .formatted(list(versions), missing.group(1)));
    }
    var choice = WITHOUT_CHOICE.matcher(line);
    if (choice.find()) {
      var versions = versions(choice.group(1), apt);
      return versions.isEmpty() ? "" : line("Available: " + list(versions));
    }
    return "";
  }

  private static String line(String text) {
    return text.isEmpty() ? "" : text.strip() + "\n";
  }

  private static String list(List<String> versions) {
    return String.join(", ", versions.subList(0, Math.min(MOST_VERSIONS, versions.size())));
  }

  /// The versions of a package, each with its suite: `5.2.15-2 (bookworm)`.
  private static List<String> versions(String name, Apt apt) throws IOException {
    Set<String> versions = new LinkedHashSet<>();
    for (var line : apt.ask("apt-cache", "madison", "--", name).lines().toList()) {
      // "bash | 5.2.15-2 | URL bookworm/main amd64 Packages"
      var columns = line.split("\\|", -1);
      var from = columns.length == 3 ? columns[2].strip().split(" ", -1) : new String[0];
      if (from.length > 1) {
        versions.add("%s (%s)".formatted(columns[1].strip(), from[1].replaceFirst("/.*", "")));
      }
    }
    return new ArrayList<>(versions);
  }
}
