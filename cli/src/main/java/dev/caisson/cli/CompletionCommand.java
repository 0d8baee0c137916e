package dev.caisson.cli;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.Help;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.cli.command.UsageException;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.jspecify.annotations.Nullable;

/// Prints completions for bash, made from the options of the commands.
final class CompletionCommand implements Command {
  private final List<String> names;
  private final Function<String, @Nullable Command> commands;

  /// @param names the names of all commands
  /// @param commands finds a command by its name
  CompletionCommand(List<String> names, Function<String, @Nullable Command> commands) {
    this.names = names;
    this.commands = commands;
  }

  @Override
  public String name() {
    return "completion";
  }

  @Override
  public HelpPage help() {
    return new HelpPage(
        "bash",
        "Prints completions for bash.",
        """
        They complete the names of commands, options and files.
        """,
        List.of(HelpPage.group("Options", "help")),
        """
          Use them in this shell:
            source <(./caisson completion bash)
          Install them for later shells of this user:
            ./caisson completion bash >> ~/.bash_completion
        """,
        """
            0  the completions are printed
            2  the command line is wrong
        """);
  }

  @Override
  public Options options() {
    return new Options();
  }

  @Override
  public int run(CommandLine line, Console terminal) throws UsageException {
    if (!line.getArgList().equals(List.of("bash"))) {
      throw new UsageException("the shell must be bash");
    }
    var cases = new StringBuilder();
    for (var name : names) {
      var command = commands.apply(name);
      if (command != null) {
        var words =
            command.options().addOption(Help.OPTION).getOptions().stream()
                .map(Option::getLongOpt)
                .map(option -> "--" + option)
                .collect(Collectors.joining(" "));
        cases.append("    '").append(name).append("') options='").append(words).append("' ;;\n");
      }
    }
    terminal
        .out()
        .print(
            """
            _caisson() {
                local word=${COMP_WORDS[COMP_CWORD]} options=
                if [ "$COMP_CWORD" -eq 1 ]; then
                    COMPREPLY=($(compgen -W '%1$s help --help --version' -- "$word"))
                    return
                fi
                local name=${COMP_WORDS[1]}
                if [ "$name" = help ]; then
                    if [ "$COMP_CWORD" -eq 2 ]; then
                        COMPREPLY=($(compgen -W '%1$s' -- "$word"))
                    elif [ "$COMP_CWORD" -eq 3 ] && [ "${COMP_WORDS[2]}" = service ]; then
                        COMPREPLY=($(compgen -W 'call serve monitor' -- "$word"))
                    fi
                    return
                fi
                if [ "$name" = service ]; then
                    if [ "$COMP_CWORD" -eq 2 ]; then
                        COMPREPLY=($(compgen -W 'call serve monitor --help' -- "$word"))
                        return
                    fi
                    name="service ${COMP_WORDS[2]}"
                fi
                case $name in
            %2$s    esac
                if [[ $word == -* ]]; then
                    COMPREPLY=($(compgen -W "$options" -- "$word"))
                elif [ "${COMP_WORDS[1]}" = completion ]; then
                    COMPREPLY=($(compgen -W bash -- "$word"))
                else
                    compopt -o filenames
                    COMPREPLY=($(compgen -f -- "$word"))
                fi
            }
            complete -F _caisson caisson
            """
                .formatted(firstWords(), cases));
    return ExitCode.OK;
  }

  private String firstWords() {
    return names.stream()
        .map(name -> name.split(" ", 2)[0])
        .distinct()
        .collect(Collectors.joining(" "));
  }
}
