package dev.caisson.cli.command;

import java.io.IOException;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;

/// One of the things that `caisson` can be told to do. Only the one that is asked for is loaded.
public interface Command {
  /// Its name on the command line.
  String name();

  /// What its arguments look like after its name.
  String arguments();

  /// What it does, in a paragraph or a few.
  String description();

  /// Its options.
  Options options();

  /// Whether what follows the first word that is no option belongs to somebody else, options
  /// included.
  default boolean hasOwnOptions() {
    return false;
  }

  /// Does it.
  ///
  /// @return the exit code
  /// @throws UsageException if the arguments make no sense
  /// @throws IOException if it fails; the message is all that the user reads
  int run(CommandLine line, Console terminal) throws UsageException, IOException;
}
