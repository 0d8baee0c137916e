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

/// Peers that are written in Python.
public final class Scripts {
  public static final String PYTHON = "/usr/bin/python3";

  private Scripts() {}

  /// The command line of one, which is put into a directory first.
  ///
  /// @param resources finds it: `getResourceAsStream` of a class beside it
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
