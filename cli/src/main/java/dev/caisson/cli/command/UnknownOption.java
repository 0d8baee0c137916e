package dev.caisson.cli.command;

import dev.caisson.engine.manifest.Nearest;
import org.apache.commons.cli.Option;

/// The error for an option that a command does not have.
public final class UnknownOption {
  private UnknownOption() {}

  /// Returns the error, with the nearest options.
  ///
  /// @param word the word of the command line, such as `--stroe=DIR`
  public static String text(Command command, String word) {
    var name = word.replaceFirst("(?s)=.*", "");
    var known =
        command.options().addOption(Help.OPTION).getOptions().stream()
            .map(Option::getLongOpt)
            .toList();
    var question = Nearest.question(name.replaceFirst("^--?", ""), known, "--");
    return "unknown option '%s'%s".formatted(name, question.isEmpty() ? "" : "." + question);
  }
}
