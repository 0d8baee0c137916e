package dev.caisson.cli;

import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.Help;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.engine.manifest.Nearest;
import java.io.PrintStream;
import java.util.List;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;

/// Prints the help of `caisson` and of `caisson service`, and does what `caisson help` asks for.
final class HelpCommand {
  private HelpCommand() {}

  /// `caisson help` with these words after it.
  ///
  /// @param words the name of a command; none for the help of `caisson` itself
  /// @return the exit code
  static int run(List<String> words, Console terminal) {
    var name = String.join(" ", words);
    switch (name) {
      case "", "help", "--help", "-h" -> caisson(terminal.out());
      case "service" -> service(terminal.out());
      default -> {
        var command = Main.find(name);
        if (command == null) {
          terminal.error(
              "help: there is no command '%s'.%s The commands are: %s"
                  .formatted(
                      name,
                      Nearest.question(name, Main.COMMANDS),
                      String.join(", ", Main.COMMANDS)));
          return ExitCode.USAGE;
        }
        Help.print(command, terminal.out());
      }
    }
    return ExitCode.OK;
  }

  static void caisson(PrintStream out) {
    var options =
        new Options()
            .addOption(Help.OPTION)
            .addOption(Option.builder().longOpt("version").desc("print the version").get());
    Help.print(
        "caisson",
        new HelpPage(
            "COMMAND [OPTION]... [ARGUMENT]...",
            "Runs work inside a sandbox that gets exactly the files and services it needs.",
            """
            Commands:
              build MANIFEST|RECIPE     build file system trees and export them
              resolve RECIPE            lock the packages that a recipe selects now
              run -- COMMAND...         run a command in a throw-away sandbox
              stub NAME... -- COMMAND...
                                        run a command that finds stubs in its PATH
              service call EXECUTABLE METHOD [JSON]
                                        start a host service, call a method, stop it
              service serve [NAME]      run a host service that comes with Caisson
              service monitor EXECUTABLE
                                        show the messages of a host service
              doctor                    check what this machine supports
              completion bash           print completions for bash
              help [COMMAND]            print the help of a command, as --help does
            """,
            List.of(HelpPage.group("Options", "help", "version")),
            """
              Check that this machine can run sandboxes:
                ./caisson doctor
              List the root directory of a sandbox:
                ./caisson run -- ls -l /
            """,
            """
                0  success
                1  the work failed
                2  the command line, the manifest or the recipe is wrong; nothing was run
              124  run, stub, service call: the timeout expired
              125  run, stub: the sandbox or the stubs could not be set up
              130  interrupted
            run, stub and service monitor exit with the status of their program, or with
            128+n if signal n killed it. The help of each command has all of its codes.
            """),
        options,
        out);
  }

  static void service(PrintStream out) {
    Help.print(
        "caisson service",
        new HelpPage(
            "COMMAND [OPTION]... [ARGUMENT]...",
            "Calls, runs and monitors host services.",
            """
            Commands:
              call EXECUTABLE METHOD [JSON]
                                        start a host service, call a method, stop it
              serve [NAME]              run a host service that comes with Caisson
              monitor EXECUTABLE        show the messages of a host service

            `caisson service COMMAND --help` prints the help of each.
            """,
            List.of(HelpPage.group("Options", "help")),
            """
              List the services that come with Caisson:
                ./caisson service serve
              Call a method of one; the arguments are in a file:
                ./caisson service call org.osbuild.inline download - < samples/download.json
            """,
            """
                0  help was printed
                2  the command is missing or unknown
            The help of each command has its codes.
            """),
        new Options().addOption(Help.OPTION),
        out);
  }
}
