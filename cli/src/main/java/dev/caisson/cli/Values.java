package dev.caisson.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;

/// The values of options.
final class Values {
  private Values() {}

  /// All that were given, in order.
  static List<String> all(CommandLine line, String option) {
    var values = line.getOptionValues(option);
    return values == null ? List.of() : List.of(values);
  }

  /// The one that counts: of several the last, so that a habit can be overridden.
  static Optional<String> last(CommandLine line, String option) {
    return all(line, option).reversed().stream().findFirst();
  }

  /// A path.
  ///
  /// @throws UsageException if it is empty
  static Optional<Path> path(CommandLine line, String option) throws UsageException {
    var value = last(line, option);
    if (value.isPresent() && value.get().isEmpty()) {
      throw new UsageException("--" + option + " needs the name of a directory");
    }
    return value.map(Path::of);
  }
}
