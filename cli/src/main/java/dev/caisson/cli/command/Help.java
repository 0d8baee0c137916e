package dev.caisson.cli.command;

import org.apache.commons.cli.Option;

/// Help for one command.
public final class Help {
  public static final Option OPTION = Option.builder("h").longOpt("help").desc("print this").get();

  private static final int COLUMN = 30;
  private static final int WIDTH = 96;

  private Help() {}

  public static void print(Command command, Console terminal) {
    var out = terminal.out();
    out.println("Usage: caisson " + command.name() + " " + command.arguments());
    out.println();
    out.print(command.description());
    out.println();
    out.println("Options:");
    for (var option : command.options().getOptions()) {
      print(option, terminal);
    }
    print(OPTION, terminal);
  }

  private static void print(Option option, Console terminal) {
    var text = new StringBuilder("  ");
    text.append(option.getOpt() == null ? "    " : "-" + option.getOpt() + ", ");
    text.append("--").append(option.getLongOpt());
    if (option.hasArg()) {
      text.append(' ').append(option.getArgName());
    }
    if (text.length() >= COLUMN) {
      terminal.out().println(text);
      text.setLength(0);
    }
    text.repeat(' ', COLUMN - text.length());
    int column = COLUMN;
    for (var word : option.getDescription().split(" ", -1)) {
      if (column + word.length() + 1 > WIDTH) {
        text.append('\n').repeat(' ', COLUMN);
        column = COLUMN;
      }
      text.append(word).append(' ');
      column += word.length() + 1;
    }
    terminal.out().println(text.toString().stripTrailing());
  }
}
