package dev.caisson.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Runs peers that are written in Python.
public final class Scripts {
  public static final String PYTHON = "/usr/bin/python3";

  private Scripts() {}

  /// Writes a script to a directory, and returns the command line that runs it.
  ///
  /// @param resources opens the script: `getResourceAsStream` of a class in its package
  public static List<String> command(
      Path directory,
      String name,
      Function<String, @Nullable InputStream> resources,
      String... arguments)
      throws IOException {
    var file = directory.resolve(name);
    if (!Files.exists(file)) {
      try (var script = resources.apply(name)) {
        Files.copy(Objects.requireNonNull(script), file);
      }
    }
    var command = new ArrayList<>(List.of(PYTHON, file.toString()));
    command.addAll(List.of(arguments));
    return command;
  }
}
