package dev.caisson.cli.command;

import java.util.List;

/// The help of one command. No other work of the command loads this class.
///
/// @param arguments the rest of the usage line, after the name of the command
/// @param purpose one line, without a line break
/// @param details paragraphs about what the command does; may be empty
/// @param groups the options; each option of the command is in exactly one group
/// @param examples captions, indented by 2, each followed by the lines of its command, indented by
///   4. A command works as it is pasted into a shell at the top of a checkout.
/// @param exitCodes one code a line, right-aligned in 5 columns, with its meaning
public record HelpPage(
    String arguments,
    String purpose,
    String details,
    List<Group> groups,
    String examples,
    String exitCodes) {
  /// Options under one heading.
  ///
  /// @param options the long names, in the order in which help shows them
  public record Group(String heading, List<String> options) {}

  public static Group group(String heading, String... options) {
    return new Group(heading, List.of(options));
  }
}
