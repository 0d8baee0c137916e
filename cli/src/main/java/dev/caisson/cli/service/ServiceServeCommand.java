package dev.caisson.cli.service;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.cli.command.UsageException;
import dev.caisson.service.ServiceProgram;
import java.util.List;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;

/// Runs a service that comes with Caisson in its own process.
public final class ServiceServeCommand implements Command {
  @Override
  public String name() {
    return "service serve";
  }

  @Override
  public HelpPage help() {
    return new HelpPage(
        "[NAME --service-id ID --service-fd FD]",
        "Runs a host service that comes with Caisson; without NAME lists the services.",
        """
        A host that starts executables, such as osbuild, runs the service through a file
        like samples/inline:

            #!/bin/sh
            exec caisson service serve org.osbuild.inline "$@"

        The host adds the id of the service and the number of the connected descriptor.
        The service runs until the host closes the connection.
        """,
        List.of(HelpPage.group("Options", "help")),
        """
          List the services:
            ./caisson service serve
          Print the options that a host passes to a service:
            ./caisson service serve org.osbuild.inline --help
        """,
        """
            0  the host closed the connection, or the list or help was printed
            1  the service failed to start or to stop
            2  the command line is wrong, or NAME is not a service
        """);
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
          "there is no service '%s'; the services are %s"
              .formatted(args.getFirst(), String.join(", ", services.keySet())));
    }
    return new ServiceProgram("caisson service serve " + args.getFirst())
        .run(
            arguments -> service.apply(System.err::println),
            args.subList(1, args.size()).toArray(String[]::new));
  }
}
