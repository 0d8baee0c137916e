package dev.caisson.cli.run;

import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.UserEnvironment;
import dev.caisson.cli.command.Values;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.commons.cli.CommandLine;

/// The variables that the options `--inherit-env`, `--env-file` and `--env` set, in this order of
/// precedence: a later one replaces an earlier one.
final class RunEnvironment {
  private static final Pattern PROXY =
      Pattern.compile("(http|https|ftp|all|no)_proxy", Pattern.CASE_INSENSITIVE);

  private final Map<String, String> variables = new LinkedHashMap<>();

  private RunEnvironment() {}

  /// Reads the options.
  ///
  /// @throws UsageException if a variable has no name, or is to be passed on and is not set
  static Map<String, String> of(CommandLine line) throws UsageException {
    var environment = new RunEnvironment();
    if (line.hasOption("inherit-env")) {
      environment.variables.putAll(UserEnvironment.variables());
      if (!Values.last(line, "network").equals(Optional.of("host"))) {
        // The host's proxy cannot be reached. A broker sets the variables of its own.
        environment.variables.keySet().removeIf(name -> PROXY.matcher(name).matches());
      }
    }
    for (var file : Values.all(line, "env-file")) {
      environment.read(file);
    }
    for (var variable : Values.all(line, "env")) {
      environment.set("--env", variable);
    }
    return environment.variables;
  }

  /// Reads a file: a variable per line; empty lines and lines that start with `#` are skipped.
  private void read(String file) throws UsageException {
    try {
      int number = 0;
      for (var text : Files.readAllLines(Path.of(file), StandardCharsets.UTF_8)) {
        number++;
        if (!text.isBlank() && !text.startsWith("#")) {
          set("--env-file %s, line %d".formatted(file, number), text);
        }
      }
    } catch (IOException unreadable) {
      throw new UsageException("--env-file: cannot read " + file);
    }
  }

  private void set(String where, String variable) throws UsageException {
    int equals = variable.indexOf('=');
    var name = equals < 0 ? variable : variable.substring(0, equals);
    if (name.isEmpty()) {
      throw new UsageException("%s: not NAME or NAME=VALUE: %s".formatted(where, variable));
    }
    var value =
        equals < 0 ? UserEnvironment.variable(name) : Optional.of(variable.substring(equals + 1));
    if (value.isEmpty()) {
      throw new UsageException(
          "%s: your environment has no variable %s; set it, or give a value with %s=VALUE"
              .formatted(where, name, name));
    }
    variables.put(name, value.get());
  }
}
