package dev.caisson.cli;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.Help;
import dev.caisson.cli.command.UsageException;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.jspecify.annotations.Nullable;

/// Prints completions for bash, made from the options that the commands have.
final class CompletionCommand implements Command {
  private final List<String> names;
  private final Function<String, @Nullable Command> commands;

  /// @param names of all commands
  /// @param commands finds one by its name
  CompletionCommand(List<String> names, Function<String, @Nullable Command> commands) {
    this.names = names;
    this.commands = commands;
  }

  @Override
  public String name() {
    return "completion";
  }

  @Override
  public String arguments() {
    return "bash";
  }

  @Override
  public String description() {
    return """
    Prints completions for bash. To have them now:   source <(caisson completion bash)
    and always: write them into /etc/bash_completion.d/caisson.
    """;
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
                    COMPREPLY=($(compgen -W '%s --help --version' -- "$word"))
                    return
                fi
                local name=${COMP_WORDS[1]}
                if [ "$name" = service ]; then
                    if [ "$COMP_CWORD" -eq 2 ]; then
                        COMPREPLY=($(compgen -W 'call serve monitor --help' -- "$word"))
                        return
                    fi
                    name="service ${COMP_WORDS[2]}"
                fi
                case $name in
            %s    esac
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
