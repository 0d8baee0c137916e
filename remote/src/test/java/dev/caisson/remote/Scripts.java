package dev.caisson.remote;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// Peers that are written in Python.
final class Scripts {
  static final String PYTHON = "/usr/bin/python3";

  private Scripts() {}

  /// The command line of one, which is put into a directory first.
  static List<String> command(Path directory, String name, String... arguments) throws IOException {
    var file = directory.resolve(name);
    if (!Files.exists(file)) {
      try (var script = Scripts.class.getResourceAsStream(name)) {
        Files.copy(Objects.requireNonNull(script), file);
      }
    }
    var command = new ArrayList<>(List.of(PYTHON, file.toString()));
    command.addAll(List.of(arguments));
    return command;
  }
}
