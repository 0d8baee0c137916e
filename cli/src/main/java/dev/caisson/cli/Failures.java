package dev.caisson.cli;

import dev.caisson.build.BuildResult;
import dev.caisson.build.SourceResult;
import dev.caisson.build.StageResult;
import dev.caisson.recipe.Recipe;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.commons.cli.CommandLine;

/// Tells why a build failed: what, with which output, and how to do it again.
final class Failures {
  private static final int SHOWN_LINES = 30;
  private static final int SHOWN_ERRORS = 5;
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_@%+=:,./-]+");

  private Failures() {}

  static void tell(Terminal terminal, CommandLine line, BuildResult result) {
    result.sources().stream()
        .filter(source -> !source.success())
        .forEach(source -> source(terminal, line, source));
    result.stages().values().stream()
        .flatMap(List::stream)
        .filter(stage -> !stage.success())
        .forEach(stage -> stage(terminal, stage));
    terminal.err().println("To repeat it: caisson build " + repeat(line));
  }

  private static void source(Terminal terminal, CommandLine line, SourceResult source) {
    terminal.error("the source " + source.source() + " failed");
    var errors = source.items().stream().flatMap(item -> item.error().stream()).toList();
    if (errors.isEmpty()) {
      errors = source.failure().stream().toList();
    }
    errors.stream()
        .limit(SHOWN_ERRORS)
        .flatMap(String::lines)
        .forEach(text -> terminal.err().println("  " + visible(text)));
    if (errors.size() > SHOWN_ERRORS) {
      terminal.err().println("  and " + (errors.size() - SHOWN_ERRORS) + " more");
    }
    var name = line.getArgList().getFirst();
    if (Recipe.isRecipe(Path.of(name))) {
      terminal
          .err()
          .println("If the archive has newer packages by now: caisson resolve " + quote(name));
    }
  }

  private static void stage(Terminal terminal, StageResult stage) {
    terminal.error(
        "the stage %s failed: %s".formatted(stage.stage().type(), stage.failure().orElse("")));
    stage
        .exception()
        .ifPresent(
            report -> terminal.err().println(visible(report.type() + ": " + report.value())));
    var lines = stage.output().lines().toList();
    if (lines.size() > SHOWN_LINES) {
      terminal.err().println("  ... (the last " + SHOWN_LINES + " lines; --json has all of them)");
    }
    lines.stream()
        .skip(Math.max(0, lines.size() - SHOWN_LINES))
        .forEach(text -> terminal.err().println("  | " + visible(text)));
  }

  /// Shows what could steer a terminal: the text comes from a sandbox.
  static String visible(String text) {
    var shown = new StringBuilder();
    text.chars()
        .forEach(c -> {
          boolean control = (c < ' ' && c != '\t') || (c >= 0x7f && c < 0xa0);
          shown.append(control ? "\\x%02x".formatted(c) : String.valueOf((char) c));
        });
    return shown.toString();
  }

  /// The arguments of this command, for a shell.
  private static String repeat(CommandLine line) {
    var words = new java.util.ArrayList<>(line.getArgList());
    for (var option : line.getOptions()) {
      words.add("--" + option.getLongOpt());
      if (option.hasArg()) {
        words.add(option.getValue());
      }
    }
    return quote(words);
  }

  /// A command line as a shell takes it.
  static String quote(List<String> words) {
    return words.stream().map(Failures::quote).collect(Collectors.joining(" "));
  }

  static String quote(String word) {
    return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
  }
}
