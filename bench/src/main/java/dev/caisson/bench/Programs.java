package dev.caisson.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The programs that are measured beside.
final class Programs {
  private Programs() {}

  /// What a program prints that must succeed.
  static String run(String... command) throws IOException, InterruptedException {
    var process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException("failed: " + String.join(" ", command));
    }
    return output;
  }

  /// The number that a program prints.
  static long nanos(Path program, Object... arguments) throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of(program.toString()));
    for (var argument : arguments) {
      command.add(argument.toString());
    }
    return Long.parseLong(run(command.toArray(String[]::new)).strip());
  }
}
