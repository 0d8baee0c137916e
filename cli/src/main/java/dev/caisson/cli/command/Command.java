package dev.caisson.cli.command;

import java.io.IOException;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;

/// A command of `caisson`. Only the class of the command that the user asks for is loaded.
public interface Command {
  /// The name on the command line: one or two words.
  String name();

  /// The help page. The page is made only when help is asked for, so that no other start loads its
  /// classes.
  HelpPage help();

  /// The options, without `--help`. Each call makes new ones.
  Options options();

  /// Whether parsing stops at the first word that is not an option: the words from there on,
  /// options included, belong to another program.
  default boolean hasOwnOptions() {
    return false;
  }

  /// Runs the command.
  ///
  /// @return the exit code
  /// @throws UsageException if the arguments are wrong
  /// @throws IOException if the command fails; the user reads nothing but the message
  int run(CommandLine line, Console terminal) throws UsageException, IOException;
}
