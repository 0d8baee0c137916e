package dev.caisson.service;

import static java.util.Objects.requireNonNull;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.internal.SocketConnection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.DefaultParser;
import org.apache.commons.cli.MissingArgumentException;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import org.apache.commons.cli.UnrecognizedOptionException;

/// Runs a service as the program of a process: the `main` of an executable calls [#run] and exits
/// with its result.
///
/// A host starts it with `--service-id ID --service-fd FD`, and with the service's own arguments.
/// These are options that the program declares:
///
/// {@snippet class="dev.caisson.service.Checksums" region="program"}
///
/// A value is the next argument, or part of the same one: `--size 5` or `--size=5`. If an option is
/// repeated, the last value counts. Options cannot be abbreviated, and there are no positional
/// arguments. `--help` lists the options.
///
/// Not safe for many threads.
public final class ServiceProgram {
  private static final String FD = "service-fd";
  private static final String ID = "service-id";
  private static final String HELP = "help";

  private static final Set<Errno> UNSUITABLE =
      Set.of(Errno.EBADF, Errno.ENOTSOCK, Errno.EPROTOTYPE);

  /// Accepts no abbreviated options, and strips no quotes from values.
  private static final DefaultParser.Builder PARSER =
      DefaultParser.builder()
          .setAllowPartialMatching(false)
          .setStripLeadingAndTrailingQuotes(false);

  private final String name;
  private final Options options = new Options();

  /// The required options, and how the usage line shows each.
  private final Map<String, String> required = new LinkedHashMap<>();

  /// The description of each option in the help, in order.
  private final Map<String, String> help = new LinkedHashMap<>();

  /// @param name the name of the program in its messages
  public ServiceProgram(String name) {
    this.name = requireNonNull(name, "name");
    required(ID, "ID", "the id of this service");
    required(FD, "FD", "the number of the open descriptor that is connected with the host");
  }

  /// Declares an option with a value.
  ///
  /// @param option without its dashes
  /// @param value the name of the value in the help, such as `BYTES`
  /// @throws IllegalArgumentException if the option has been declared, or its name is not valid
  public ServiceProgram option(String option, String value, String description) {
    requireNonNull(value, "value");
    return declare(Option.builder().hasArg(), option, " " + value, description);
  }

  /// Declares a required option with a value, as [#option].
  public ServiceProgram required(String option, String value, String description) {
    requireNonNull(value, "value");
    declare(Option.builder().hasArg(), option, " " + value, description);
    required.put(option, "--" + option + " " + value);
    return this;
  }

  /// Declares an option without a value.
  ///
  /// @param option without its dashes
  /// @throws IllegalArgumentException if the option has been declared, or its name is not valid
  public ServiceProgram flag(String option, String description) {
    return declare(Option.builder(), option, "", description);
  }

  private ServiceProgram declare(
      Option.Builder builder, String option, String value, String description) {
    requireNonNull(option, "option");
    requireNonNull(description, "description");
    if (!isName(option) || option.equals(HELP)) {
      throw new IllegalArgumentException("'" + option + "' is not a valid name of an option");
    }
    if (help.putIfAbsent("--" + option + value, description) != null
        || options.hasLongOption(option)) {
      throw new IllegalArgumentException("the option --" + option + " has been declared");
    }
    options.addOption(builder.longOpt(option).get());
    return this;
  }

  private static boolean isName(String option) {
    return !option.isEmpty()
        && option.charAt(0) != '-'
        && option
            .chars()
            .allMatch(c -> (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
  }

  /// Makes a service from the arguments of its program.
  @FunctionalInterface
  public interface Factory {
    /// Makes the service. SIGTERM and SIGINT are ignored at this point.
    ///
    /// @throws IllegalArgumentException if a value is not valid: the program exits with 2
    /// @throws Exception if the service cannot be made: the program exits with 1
    Service make(Arguments arguments) throws Exception;
  }

  /// The options that were given.
  public final class Arguments {
    private final CommandLine line;

    private Arguments(CommandLine line) {
      this.line = line;
    }

    /// The value of an option; the last one if the option is repeated.
    ///
    /// @throws IllegalStateException if the option has not been declared
    public Optional<String> value(String option) {
      return values(option).reversed().stream().findFirst();
    }

    /// All values of an option, in order.
    ///
    /// @throws IllegalStateException if the option has not been declared
    public List<String> values(String option) {
      var values = line.getOptionValues(known(option));
      return values == null ? List.of() : List.of(values);
    }

    /// The value of an option that is required, perhaps only because of another option.
    ///
    /// @throws IllegalArgumentException if it was not given
    /// @throws IllegalStateException if the option has not been declared
    public String required(String option) {
      return value(option)
          .orElseThrow(
              () -> new IllegalArgumentException("the option --" + option + " is missing"));
    }

    /// Whether an option was given.
    ///
    /// @throws IllegalStateException if the option has not been declared
    public boolean has(String option) {
      return line.hasOption(known(option));
    }

    private String known(String option) {
      if (!options.hasLongOption(requireNonNull(option, "option"))) {
        throw new IllegalStateException("the option --" + option + " has not been declared");
      }
      return option;
    }
  }

  /// The arguments are not valid.
  private static final class UsageException extends Exception {
    private static final long serialVersionUID = 1;

    UsageException(String problem) {
      super(problem);
    }
  }

  /// Runs a service without options of its own. The `main` of an executable calls this and exits
  /// with its result.
  ///
  /// @return the exit status: 0; 1 if the service failed to stop; 2 if an argument is not valid
  public static int main(Service service, String... args) {
    requireNonNull(service, "service");
    var name = service.getClass().getSimpleName();
    return new ServiceProgram(name.isEmpty() ? "service" : name).run(arguments -> service, args);
  }

  /// Makes a service from the arguments and runs it.
  ///
  /// Ignores SIGTERM and SIGINT, so that only the host ends the service: by closing the connection,
  /// or by its own end. Blocks until then. Errors go to the standard error.
  ///
  /// @return the exit status: 0, also after `--help`; 1 if the service cannot be made or failed to
  ///   stop; 2 if an argument is not valid
  public int run(Factory factory, String... args) {
    requireNonNull(factory, "factory");
    try {
      var line = parse(requireNonNull(args, "args"));
      if (line.hasOption(HELP)) {
        System.out.print(help());
        return 0;
      }
      return serve(factory, new Arguments(line));
    } catch (UsageException wrong) {
      return fail(2, wrong.getMessage() + ". See --help");
    }
  }

  private int fail(int status, String message) {
    System.err.println(name + ": " + message);
    return status;
  }

  private CommandLine parse(String... args) throws UsageException {
    var all = new Options().addOption(Option.builder().longOpt(HELP).get()).addOptions(options);
    for (var arg : args) {
      // The parser would accept -size for --size.
      boolean oneDash = arg.startsWith("-") && !arg.startsWith("--");
      if (oneDash && all.hasLongOption(arg.split("=", 2)[0])) {
        throw new UsageException("'%s' has one dash, not two".formatted(arg));
      }
    }
    CommandLine line;
    try {
      line = PARSER.get().parse(all, args);
    } catch (MissingArgumentException missing) {
      throw new UsageException(
          "the option --%s needs a value".formatted(missing.getOption().getLongOpt()));
    } catch (UnrecognizedOptionException unknown) {
      var given = unknown.getOption().split("=", 2)[0];
      throw new UsageException(
          all.hasLongOption(given)
              ? "the option %s takes no value".formatted(given)
              : "there is no option '%s'".formatted(unknown.getOption()));
    } catch (ParseException wrong) {
      throw new UsageException(String.valueOf(wrong.getMessage()));
    }
    if (!line.getArgList().isEmpty()) {
      throw new UsageException("'%s' is not an option".formatted(line.getArgList().getFirst()));
    }
    for (var option : required.keySet()) {
      if (!line.hasOption(option) && !line.hasOption(HELP)) {
        throw new UsageException(
            "the option --%s is missing: a host starts this program, with --%s ID --%s FD"
                .formatted(option, ID, FD));
      }
    }
    return line;
  }

  private String help() {
    var text = new StringBuilder("Usage: " + name);
    required.values().forEach(option -> text.append(' ').append(option));
    text.append(" [OPTION]...\nRuns a host service. Its host starts this program.\n\n");
    help.put("--" + HELP, "print this, and exit");
    int width = help.keySet().stream().mapToInt(String::length).max().orElse(0);
    help.forEach((option, description) ->
        text.append(
            "  %s%s  %s%n".formatted(option, " ".repeat(width - option.length()), description)));
    return text.toString();
  }

  private int serve(Factory factory, Arguments arguments) throws UsageException {
    try {
      var connection = new SocketConnection(channel(arguments.required(FD)));
      Processes.ignore(Signal.TERM);
      Processes.ignore(Signal.INT);
      Service service;
      try {
        service = requireNonNull(factory.make(arguments), "the factory returned no service");
      } catch (IllegalArgumentException unusable) {
        throw new UsageException(String.valueOf(unusable.getMessage()));
      }
      service.attach(arguments.required(ID), connection);
      service.serve();
      return 0;
    } catch (UsageException wrong) {
      throw wrong;
    } catch (Exception failure) {
      return fail(1, failure.toString());
    }
  }

  /// Takes over the service's end of the connection.
  private static JsonChannel channel(String number) throws UsageException, SystemCallException {
    int fd = parse(number);
    try {
      var socket = UnixSocket.of(Fd.adopt(fd));
      if (socket.type() != UnixSocket.Type.SEQPACKET) {
        throw new UsageException(
            "--%s %d: the descriptor is a socket of the type %s, not SEQPACKET"
                .formatted(FD, fd, socket.type()));
      }
      return JsonChannel.of(socket, Limits.DEFAULT);
    } catch (SystemCallException failure) {
      if (!UNSUITABLE.contains(failure.errno())) {
        throw failure;
      }
      throw new UsageException(
          "--%s %d: the descriptor is not %s (%s)"
              .formatted(
                  FD, fd, failure.errno() == Errno.EBADF ? "open" : "a socket", failure.errno()));
    }
  }

  private static int parse(String number) throws UsageException {
    try {
      int fd = Integer.parseInt(number);
      if (fd >= 0) {
        return fd;
      }
    } catch (NumberFormatException notANumber) {
      // Reported below, as a negative number is.
    }
    throw new UsageException("--%s: '%s' is not the number of a descriptor".formatted(FD, number));
  }
}
