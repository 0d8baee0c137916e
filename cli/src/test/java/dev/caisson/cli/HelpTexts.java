package dev.caisson.cli;

import dev.caisson.cli.command.Console;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// The texts that `--help` prints, and their sections.
final class HelpTexts {
  private static final String EXAMPLE = "    ";

  private HelpTexts() {}

  /// The names of all that has help; the empty name is `caisson` itself.
  static Stream<String> pages() {
    return Stream.concat(Stream.of("", "service"), Main.COMMANDS.stream());
  }

  record Answer(int status, String out, String err) {}

  /// Runs the command in this JVM.
  static Answer run(List<String> args) {
    var out = new ByteArrayOutputStream();
    var err = new ByteArrayOutputStream();
    int status;
    try (var outStream = new PrintStream(out, false, StandardCharsets.UTF_8);
        var errStream = new PrintStream(err, false, StandardCharsets.UTF_8)) {
      status = Main.run(args, new Console(outStream, errStream, out, false, false));
    }
    return new Answer(
        status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  /// The help of a command.
  static String of(String name) {
    var args = new ArrayList<>(List.of(name.isEmpty() ? new String[0] : name.split(" ", -1)));
    args.add("--help");
    return run(args).out();
  }

  /// A section, without its heading.
  static String section(String name, String heading) {
    var text = of(name);
    int start = text.indexOf("\n" + heading + ":\n");
    if (start < 0) {
      throw new AssertionError("the help of '%s' has no section %s".formatted(name, heading));
    }
    start += heading.length() + 3;
    int end = text.indexOf("\n\n", start);
    return text.substring(start, end < 0 ? text.length() : end + 1);
  }

  /// The commands of the examples, as a user would paste them.
  static List<String> examples(String name) {
    var examples = new ArrayList<StringBuilder>();
    boolean within = false;
    for (var line : section(name, "Examples").lines().toList()) {
      boolean command = line.startsWith(EXAMPLE);
      if (command && !within) {
        examples.add(new StringBuilder());
      }
      within = command;
      if (command) {
        examples.getLast().append(line).append('\n');
      }
    }
    return examples.stream().map(StringBuilder::toString).toList();
  }
}
