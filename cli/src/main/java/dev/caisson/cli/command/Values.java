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

  /// Returns all values of an option, in order.
  public static List<String> all(CommandLine line, String option) {
    var values = line.getOptionValues(option);
    return values == null ? List.of() : List.of(values);
  }

  /// Returns the value of an option, the last of several: a user can override an option of an
  /// alias.
  public static Optional<String> last(CommandLine line, String option) {
    return all(line, option).reversed().stream().findFirst();
  }

  /// Makes an option with a value.
  public static Option option(String name, String argument, String description) {
    return Option.builder().longOpt(name).hasArg().argName(argument).desc(description).get();
  }

  /// Parses all values of an option as `NAME=VALUE`.
  ///
  /// @throws UsageException if a value has another form
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

  /// Returns the value of an option as a path.
  ///
  /// @throws UsageException if the value is empty
  public static Optional<Path> path(CommandLine line, String option) throws UsageException {
    var value = last(line, option);
    if (value.isPresent() && value.get().isEmpty()) {
      throw new UsageException("--" + option + " needs a path");
    }
    return value.map(Path::of);
  }
}
