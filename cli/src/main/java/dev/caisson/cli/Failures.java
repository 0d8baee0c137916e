package dev.caisson.cli;

import dev.caisson.engine.run.BuildResult;
import dev.caisson.engine.run.SourceResult;
import dev.caisson.engine.run.StageResult;
import dev.caisson.linux.process.ShellWords;
import dev.caisson.recipe.Recipe;
import dev.caisson.sandbox.ExceptionEndpoint.Report;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;

/// Tells why a build failed: what, with which output, and how to do it again.
final class Failures {
  /// The characters that change the direction of text: a part of a line could seem to be another.
  private static final String DIRECTIONS =
      "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069";

  private static final int SHOWN_LINES = 30;
  private static final int SHOWN_ERRORS = 5;

  private Failures() {}

  /// @param printed whether the reader has seen what modules printed
  static void tell(Terminal terminal, CommandLine line, BuildResult result, boolean printed) {
    result.sources().stream()
        .filter(source -> !source.success())
        .forEach(source -> source(terminal, line, source, printed));
    result.stages().values().stream()
        .flatMap(List::stream)
        .filter(stage -> !stage.success())
        .forEach(stage -> stage(terminal, stage, printed));
    terminal.err().println("To repeat it: caisson build " + repeat(line));
  }

  private static void source(
      Terminal terminal, CommandLine line, SourceResult source, boolean printed) {
    terminal.error("the source " + source.source() + " failed");
    var failure = source.failure().orElse("");
    var errors = source.items().stream().flatMap(item -> item.error().stream()).toList();
    if (errors.isEmpty()) {
      errors = List.of(failure);
    }
    for (var error : errors.subList(0, Math.min(SHOWN_ERRORS, errors.size()))) {
      error.lines().forEach(text -> terminal.err().println("  " + visible(text)));
    }
    if (errors.size() > SHOWN_ERRORS) {
      terminal.err().println("  and " + (errors.size() - SHOWN_ERRORS) + " more");
    }
    details(terminal, failure, source.exception(), source.output(), printed);
    var name = line.getArgList().getFirst();
    if (Recipe.isRecipe(Path.of(name))) {
      terminal
          .err()
          .println(
              "If the archive has newer packages by now: caisson resolve "
                  + ShellWords.quote(name));
    }
  }

  private static void stage(Terminal terminal, StageResult stage, boolean printed) {
    var failure = stage.failure().orElse("");
    terminal.error("the stage %s failed: %s".formatted(stage.stage().type(), failure));
    details(terminal, failure, stage.exception(), stage.output(), printed);
  }

  private static void details(
      Terminal terminal,
      String failure,
      Optional<Report> exception,
      String output,
      boolean printed) {
    var lines = output.lines().toList();
    var last = lines.subList(Math.max(0, lines.size() - SHOWN_LINES), lines.size());
    var seen = printed ? output : String.join("\n", last);
    exception.ifPresent(report ->
        Reports.lines(report, failure, seen).forEach(text -> terminal.err().println("  " + text)));
    if (printed) {
      return;
    }
    if (lines.size() > SHOWN_LINES) {
      terminal.err().println("  ... (the last " + SHOWN_LINES + " lines; --json has all of them)");
    }
    last.forEach(text -> terminal.err().println("  | " + visible(text)));
  }

  /// Shows what could steer a terminal, or show a line in another order: the text comes from a
  /// sandbox.
  static String visible(String text) {
    var shown = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      show(text.charAt(i), shown);
    }
    return shown.toString();
  }

  static void show(char c, StringBuilder to) {
    boolean control = (c < ' ' && c != '\t') || (c >= 0x7f && c < 0xa0);
    if (DIRECTIONS.indexOf(c) >= 0) {
      to.append("\\u%04x".formatted((int) c));
    } else if (control) {
      to.append("\\x%02x".formatted((int) c));
    } else {
      to.append(c);
    }
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
    return ShellWords.quote(words);
  }
}
