package dev.caisson.modules;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// A shell script of a module. The build root's `sh` runs it.
final class Script {
  private Script() {}

  /// The command that runs a script. The script gets its arguments as `$1`, `$2`, ..., so that no
  /// argument is ever parsed as part of the script.
  static List<String> command(String resource, List<String> args) {
    var command = new ArrayList<>(List.of("sh", "-c", text(resource), resource));
    command.addAll(args);
    return command;
  }

  /// The text of a resource.
  static String text(String resource) {
    try (var stream = Script.class.getResourceAsStream(resource)) {
      if (stream == null) {
        throw new IllegalStateException("the file " + resource + " is missing from the jar");
      }
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }
}
