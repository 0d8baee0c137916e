package dev.caisson.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Runs the programs that Caisson is compared with.
final class Programs {
  private Programs() {}

  /// Runs a program that must succeed, and returns its output.
  static String run(String... command) throws IOException, InterruptedException {
    var process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException("failed: " + String.join(" ", command));
    }
    return output;
  }

  /// Runs a program and returns the number that it prints.
  static long nanos(Path program, Object... arguments) throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of(program.toString()));
    for (var argument : arguments) {
      command.add(argument.toString());
    }
    return Long.parseLong(run(command.toArray(String[]::new)).strip());
  }
}
