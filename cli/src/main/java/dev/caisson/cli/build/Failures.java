package dev.caisson.cli.build;

import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.VisibleText;
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

/// Reports a failed build: what failed, its output, and a command that repeats the build.
public final class Failures {
  private static final int SHOWN_LINES = 30;
  private static final int SHOWN_ERRORS = 5;

  private Failures() {}

  /// Prints why a build failed.
  ///
  /// @param printed whether the reader has already seen the output of modules
  public static void tell(Console terminal, CommandLine line, BuildResult result, boolean printed) {
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
      Console terminal, CommandLine line, SourceResult source, boolean printed) {
    terminal.error("the source " + source.source() + " failed");
    var failure = source.failure().orElse("");
    var errors = source.items().stream().flatMap(item -> item.error().stream()).toList();
    if (errors.isEmpty()) {
      errors = List.of(failure);
    }
    for (var error : errors.subList(0, Math.min(SHOWN_ERRORS, errors.size()))) {
      error.lines().forEach(text -> terminal.err().println("  " + VisibleText.of(text)));
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

  private static void stage(Console terminal, StageResult stage, boolean printed) {
    var failure = stage.failure().orElse("");
    terminal.error("the stage %s failed: %s".formatted(stage.stage().type(), failure));
    details(terminal, failure, stage.exception(), stage.output(), printed);
  }

  private static void details(
      Console terminal,
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
    last.forEach(text -> terminal.err().println("  | " + VisibleText.of(text)));
  }

  /// The arguments of this command, quoted for a shell.
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
