package dev.caisson.cli.service;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.UsageException;
import dev.caisson.service.ServiceProgram;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;

/// Runs a service that comes with Caisson as a process of its own.
public final class ServiceServeCommand implements Command {
  @Override
  public String name() {
    return "service serve";
  }

  @Override
  public String arguments() {
    return "[NAME --service-id ID --service-fd FD]";
  }

  @Override
  public String description() {
    return """
    Runs a service that comes with Caisson, for a host that starts executables: osbuild, for example,
    through a file that holds

        #!/bin/sh
        exec caisson service serve org.osbuild.inline "$@"

    The host adds the id and the number of the descriptor that it is connected with. Without arguments,
    prints the names of the services.
    """;
  }

  @Override
  public Options options() {
    return new Options();
  }

  @Override
  public boolean hasOwnOptions() {
    return true;
  }

  @Override
  public int run(CommandLine line, Console terminal) throws UsageException {
    var args = line.getArgList();
    var services = ShippedServices.all();
    if (args.isEmpty()) {
      services.keySet().forEach(terminal.out()::println);
      return ExitCode.OK;
    }
    var service = services.get(args.getFirst());
    if (service == null) {
      throw new UsageException(
          "there is no service '%s', only %s".formatted(args.getFirst(), services.keySet()));
    }
    return new ServiceProgram("caisson service serve " + args.getFirst())
        .run(
            arguments -> service.apply(System.err::println),
            args.subList(1, args.size()).toArray(String[]::new));
  }
}
