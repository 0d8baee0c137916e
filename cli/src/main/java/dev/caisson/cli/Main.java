package dev.caisson.cli;

import dev.caisson.cli.build.BuildCommand;
import dev.caisson.cli.build.ResolveCommand;
import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.ErrorText;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.Help;
import dev.caisson.cli.command.UnknownOption;
import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.run.RunCommand;
import dev.caisson.cli.service.ServiceCallCommand;
import dev.caisson.cli.service.ServiceMonitorCommand;
import dev.caisson.cli.service.ServiceServeCommand;
import dev.caisson.cli.stub.StubCommand;
import dev.caisson.engine.manifest.ManifestException;
import dev.caisson.engine.manifest.Nearest;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.commons.cli.DefaultParser;
import org.apache.commons.cli.ParseException;
import org.apache.commons.cli.UnrecognizedOptionException;

/// The entry point: finds the command, runs it, and turns its result into an exit code.
public final class Main {
  /// The names of all commands, in the order in which help shows them.
  static final List<String> COMMANDS =
      List.of(
          "build",
          "resolve",
          "run",
          "stub",
          "service call",
          "service serve",
          "service monitor",
          "doctor",
          "completion");

  private static final Signal QUIT = new Signal(3);

  private Main() {}

  /// Runs the command.
  public static void main(String[] args) {
    endBySigquit();
    if (args.length == 1 && args[0].equals("--version")) {
      System.out.println("caisson " + version());
      exit(System.out.checkError() ? ExitCode.FAILED : ExitCode.OK);
      return;
    }
    var done = new CountDownLatch(1);
    endWithProcess(Thread.currentThread(), done);
    var terminal = Console.standard();
    int code;
    try {
      code = run(List.of(args), terminal);
    } finally {
      terminal.out().flush();
      done.countDown();
    }
    exit(code == ExitCode.OK ? checked(terminal) : code);
  }

  /// Restores the default action of SIGQUIT, which ends the process. The JVM would print a dump of
  /// its threads among the output of the command. The guardian cleans up.
  private static void endBySigquit() {
    try {
      Processes.restoreDefault(QUIT);
    } catch (SystemCallException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /// Ends the JVM with an exit code. `System.exit` initializes the logging of the JDK, which takes
  /// a tenth of a short run; for the code 0 it is enough that the last thread ends.
  private static void exit(int code) {
    if (code != ExitCode.OK) {
      System.exit(code);
    }
  }

  /// Adds a shutdown hook: a signal that ends the JVM interrupts the worker, and the JVM waits up
  /// to 10 s until the worker has taken its sandbox down.
  private static void endWithProcess(Thread worker, CountDownLatch done) {
    Runtime.getRuntime()
        .addShutdownHook(
            Thread.ofPlatform()
                .name("caisson-shutdown")
                .unstarted(() -> {
                  worker.interrupt();
                  try {
                    done.await(10, TimeUnit.SECONDS);
                  } catch (InterruptedException ignored) {
                    Thread.currentThread().interrupt();
                  }
                }));
  }

  /// Fails if the standard output could not be written, because the user has missed output.
  private static int checked(Console terminal) {
    if (terminal.out().checkError() || System.out.checkError()) {
      terminal.err().println("caisson: the standard output cannot be written");
      return ExitCode.FAILED;
    }
    return ExitCode.OK;
  }

  static String version() {
    var descriptor = Main.class.getModule().getDescriptor();
    return descriptor == null
        ? "(not installed)"
        : descriptor.version().map(Object::toString).orElse("(not installed)");
  }

  static int run(List<String> args, Console terminal) {
    if (args.isEmpty()) {
      HelpCommand.caisson(terminal.err());
      return ExitCode.USAGE;
    }
    for (var arg : args) {
      if (arg.indexOf('\uFFFD') >= 0) {
        terminal.error("an argument is not UTF-8, so Java cannot read it: " + arg);
        return ExitCode.USAGE;
      }
    }
    var first = args.getFirst();
    if (first.equals("--help") || first.equals("-h")) {
      HelpCommand.caisson(terminal.out());
      return ExitCode.OK;
    }
    if (first.equals("help")) {
      return HelpCommand.run(args.subList(1, args.size()), terminal);
    }
    int words = first.equals("service") && args.size() > 1 ? 2 : 1;
    var name = String.join(" ", args.subList(0, words));
    switch (name) {
      case "service" -> {
        HelpCommand.service(terminal.err());
        return ExitCode.USAGE;
      }
      case "service help" -> {
        var asked = new ArrayList<>(args);
        asked.remove(1);
        return HelpCommand.run(asked, terminal);
      }
      case "service --help", "service -h" -> {
        HelpCommand.service(terminal.out());
        return ExitCode.OK;
      }
      default -> {
        // A command.
      }
    }
    var command = find(name);
    if (command == null) {
      var help = words == 2 ? "caisson service --help" : "caisson --help";
      terminal.error(
          "there is no command '%s'.%s See %s"
              .formatted(name, Nearest.question(name, COMMANDS), help));
      return ExitCode.USAGE;
    }
    return run(command, args.subList(words, args.size()), terminal);
  }

  static @org.jspecify.annotations.Nullable Command find(String name) {
    return switch (name) {
      case "build" -> new BuildCommand();
      case "resolve" -> new ResolveCommand();
      case "run" -> new RunCommand();
      case "stub" -> new StubCommand();
      case "doctor" -> new DoctorCommand();
      case "service call" -> new ServiceCallCommand();
      case "service serve" -> new ServiceServeCommand();
      case "service monitor" -> new ServiceMonitorCommand();
      case "completion" -> new CompletionCommand(COMMANDS, Main::find);
      default -> null;
    };
  }

  private static int run(Command command, List<String> args, Console terminal) {
    try {
      var options = command.options().addOption(Help.OPTION);
      var line =
          new DefaultParser(false)
              .parse(options, args.toArray(String[]::new), command.hasOwnOptions());
      if (line.hasOption(Help.OPTION)) {
        Help.print(command, terminal.out());
        return ExitCode.OK;
      }
      var words = line.getArgList();
      if (command.hasOwnOptions() && startsWithOption(words) && isFirst(words, args)) {
        throw new UnrecognizedOptionException("", words.getFirst());
      }
      return command.run(line, terminal);
    } catch (UnrecognizedOptionException unknown) {
      terminal.error(usage(command, UnknownOption.text(command, unknown.getOption())));
      return ExitCode.USAGE;
    } catch (ParseException | UsageException wrong) {
      terminal.error(usage(command, String.valueOf(wrong.getMessage())));
      return ExitCode.USAGE;
    } catch (ManifestException invalid) {
      terminal.error(String.valueOf(invalid.getMessage()));
      return ExitCode.USAGE;
    } catch (InterruptedIOException interrupt) {
      terminal.error("interrupted");
      return ExitCode.INTERRUPTED;
    } catch (IOException failure) {
      terminal.error(ErrorText.of(failure));
      return ExitCode.FAILED;
    } catch (OutOfMemoryError scarce) {
      // The JVM also throws this error when it cannot start a thread.
      terminal.error("cannot get more memory or threads: " + scarce.getMessage());
      Runtime.getRuntime().halt(ExitCode.FAILED);
      return ExitCode.FAILED;
    } catch (RuntimeException bug) {
      terminal.error("this is a bug in caisson; please report it with these lines:");
      bug.printStackTrace(terminal.err());
      return ExitCode.FAILED;
    }
  }

  private static boolean startsWithOption(List<String> words) {
    return !words.isEmpty() && words.getFirst().matches("(?s)-.+");
  }

  /// Whether words begin before the word `--`, which ends the options.
  private static boolean isFirst(List<String> words, List<String> args) {
    int end = args.indexOf("--");
    return end < 0 || args.size() - words.size() < end;
  }

  private static String usage(Command command, String problem) {
    var separator = problem.contains(" Did you mean ") ? " See" : "; see";
    return "%s: %s%s caisson %s --help"
        .formatted(command.name(), problem, separator, command.name());
  }
}
