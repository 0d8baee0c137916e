package dev.caisson.cli.command;

import java.io.PrintStream;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;

/// Prints help pages, 80 columns wide.
public final class Help {
  public static final Option OPTION =
      Option.builder("h").longOpt("help").desc("print this help").get();

  private static final int COLUMN = 28;
  private static final int WIDTH = 80;

  private Help() {}

  /// Prints the help of a command.
  public static void print(Command command, PrintStream out) {
    print("caisson " + command.name(), command.help(), command.options().addOption(OPTION), out);
  }

  /// Prints a help page.
  ///
  /// @param name the first words of the usage line
  /// @param options all options that the groups of the page name
  public static void print(String name, HelpPage page, Options options, PrintStream out) {
    out.println("Usage: " + name + " " + page.arguments());
    out.println();
    out.println(page.purpose());
    section("", page.details(), out);
    for (var group : page.groups()) {
      out.println();
      out.println(group.heading() + ":");
      group.options().forEach(option -> print(options.getOption(option), out));
    }
    section("Examples:\n", page.examples(), out);
    section("Exit codes:\n", page.exitCodes(), out);
  }

  private static void section(String heading, String text, PrintStream out) {
    if (!text.isEmpty()) {
      out.println();
      out.print(heading + text);
    }
  }

  private static void print(Option option, PrintStream out) {
    var text = new StringBuilder("  ");
    text.append(option.getOpt() == null ? "    " : "-" + option.getOpt() + ", ");
    text.append("--").append(option.getLongOpt());
    if (option.hasArg()) {
      text.append(' ').append(option.getArgName());
    }
    if (text.length() >= COLUMN) {
      out.println(text);
      text.setLength(0);
    }
    text.repeat(' ', COLUMN - text.length());
    int column = COLUMN;
    for (var word : option.getDescription().split(" ", -1)) {
      if (column + word.length() > WIDTH) {
        text.append('\n').repeat(' ', COLUMN);
        column = COLUMN;
      }
      text.append(word).append(' ');
      column += word.length() + 1;
    }
    // Also the space before each line break.
    out.println(text.toString().replaceAll(" +(?=\n|$)", ""));
  }
}
