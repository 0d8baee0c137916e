package dev.caisson.cli.command;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;

/// The values of options.
public final class Values {
  private Values() {}

  /// All that were given, in order.
  public static List<String> all(CommandLine line, String option) {
    var values = line.getOptionValues(option);
    return values == null ? List.of() : List.of(values);
  }

  /// The one that counts: of several the last, so that a habit can be overridden.
  public static Optional<String> last(CommandLine line, String option) {
    return all(line, option).reversed().stream().findFirst();
  }

  /// An option with a value.
  public static Option option(String name, String argument, String description) {
    return Option.builder().longOpt(name).hasArg().argName(argument).desc(description).get();
  }

  /// Variables, each as `NAME=VALUE`.
  ///
  /// @throws UsageException if one is not
  public static Map<String, String> variables(CommandLine line, String option)
      throws UsageException {
    var variables = new LinkedHashMap<String, String>();
    for (var variable : all(line, option)) {
      int equals = variable.indexOf('=');
      if (equals < 1) {
        throw new UsageException("--" + option + ": not NAME=VALUE: " + variable);
      }
      variables.put(variable.substring(0, equals), variable.substring(equals + 1));
    }
    return variables;
  }

  /// A path.
  ///
  /// @throws UsageException if it is empty
  public static Optional<Path> path(CommandLine line, String option) throws UsageException {
    var value = last(line, option);
    if (value.isPresent() && value.get().isEmpty()) {
      throw new UsageException("--" + option + " needs a path");
    }
    return value.map(Path::of);
  }
}
