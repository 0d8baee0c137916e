package dev.caisson.recipe;

import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/// A package that a recipe asks for, as `apt-get install` takes it: `NAME`, `NAME:ARCHITECTURE`,
/// `NAME=VERSION`, `NAME/SUITE`. A version that ends with `*` is the start of a version.
///
/// @param architecture the architecture, if the recipe names one
/// @param choice `=VERSION`, `/SUITE` or empty
record RequestedPackage(String name, Optional<String> architecture, String choice) {
  private static final Pattern FORM = Pattern.compile("([^:=/]+)(?::([^=/]+))?([=/].*)?");

  /// The words for architectures that every machine has.
  private static final Set<String> ANYWHERE = Set.of("all", "any", "native");

  /// @param text a text that the schema of recipes allows
  static RequestedPackage of(String text) {
    var match = FORM.matcher(text);
    if (!match.matches()) {
      throw new IllegalArgumentException("not a package of a recipe: " + text);
    }
    return new RequestedPackage(
        match.group(1),
        Optional.ofNullable(match.group(2)),
        Optional.ofNullable(match.group(3)).orElse(""));
  }

  /// The architecture, if it differs from that of the machine.
  ///
  /// @param machine the architecture of the machine, as `dpkg --print-architecture` prints it
  Optional<String> foreign(String machine) {
    return architecture.filter(other -> !other.equals(machine) && !ANYWHERE.contains(other));
  }

  /// The name in a tree that has only the locked packages: without a version or a suite.
  String locked(String machine) {
    return name + foreign(machine).map(other -> ":" + other).orElse("");
  }
}
