package dev.caisson.cli.service;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.Durations;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.UserEnvironment;
import dev.caisson.cli.command.Values;
import dev.caisson.cli.command.VisibleText;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.sandbox.LibraryDirectory;
import dev.caisson.service.MessageEvent;
import dev.caisson.service.OutputListener;
import dev.caisson.service.RemoteException;
import dev.caisson.service.ServiceClient;
import dev.caisson.service.ServiceEndedException;
import dev.caisson.service.ServiceException;
import dev.caisson.service.ServiceManager;
import dev.caisson.service.ServiceSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import tools.jackson.databind.JsonNode;

/// Starts a service, calls one of its methods, and stops it.
public final class ServiceCallCommand implements Command {
  private static final Pattern CONTROL = Pattern.compile("\\p{Cntrl}|[\\x80-\\x9f]");
  private static final Map<String, Set<OpenFlag>> MODES =
      Map.of(
          "r", Set.of(),
          "w", Set.of(OpenFlag.WRONLY, OpenFlag.CREAT),
          "rw", Set.of(OpenFlag.RDWR, OpenFlag.CREAT),
          "a", Set.of(OpenFlag.WRONLY, OpenFlag.CREAT, OpenFlag.APPEND),
          "path", Set.of(OpenFlag.PATH));

  @Override
  public String name() {
    return "service call";
  }

  @Override
  public HelpPage help() {
    return new HelpPage(
        "[OPTION]... EXECUTABLE METHOD [JSON]",
        "Starts a host service, calls one of its methods, and stops it.",
        """
        Prints the reply as a line of JSON. EXECUTABLE is a file, or the name of a
        service that comes with Caisson (`caisson service serve` lists them). JSON are
        the arguments; - reads them from the standard input; without JSON they are [].

        Signals of the service, the lines that it prints and the number of descriptors
        in the reply go to the standard error, as they arrive.
        """,
        List.of(
            HelpPage.group("Call", "fd", "timeout"),
            HelpPage.group("Service", "env", "libdir"),
            HelpPage.group("Output", "contents", "quiet"),
            HelpPage.group("Diagnosis", "monitor", "help")),
        """
          Store a file in ./cache through a service, with arguments from a file:
            ./caisson service call org.osbuild.inline download - < samples/download.json
          Show each message of a call to an executable:
            ./caisson service call samples/inline download '{"cache":"cache"}' --monitor
        """,
        """
            0  the reply is printed
            1  the method or the service failed, or a file cannot be opened
            2  the command line is wrong, or EXECUTABLE was not found; nothing was run
          124  the timeout expired
          130  interrupted
        """);
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(
            Values.option(
                "fd",
                "PATH:MODE",
                "pass an open file; MODE is r, w, rw, a (append) or path; repeatable, in order"))
        .addOption(
            Values.option(
                "timeout", "TIME", "wait this long for the reply: 500ms, 5m (default: 30s)"))
        .addOption(
            Values.option(
                "env", "NAME=VALUE", "set an environment variable of the service; repeatable"))
        .addOption(
            Values.option("libdir", "DIR", "where Python services find the modules of osbuild"))
        .addOption(
            null,
            "contents",
            false,
            "print the contents of the reply's descriptors, at most 1 MiB of each")
        .addOption(null, "monitor", false, "show each message when it is sent")
        .addOption(null, "quiet", false, "do not show signals and the output of the service");
  }

  @Override
  public int run(CommandLine line, Console terminal) throws UsageException, IOException {
    var words = line.getArgList();
    if (words.size() < 2 || words.size() > 3) {
      throw new UsageException("an executable and a method are needed; JSON may follow");
    }
    var args = arguments(words.size() == 3 ? words.get(2) : "[]");
    var timeout =
        line.hasOption("timeout")
            ? Durations.parse(Values.last(line, "timeout").orElseThrow())
            : Duration.ofSeconds(30);
    boolean quiet = line.hasOption("quiet");
    OutputListener printed =
        (id, program, text) -> {
          if (!quiet) {
            terminal.err().println(program + ": " + VisibleText.of(text));
          }
        };
    var spec = spec(words.getFirst(), line, printed);
    if (line.hasOption("monitor")) {
      spec = spec.onMessage((id, message) -> terminal.err().println(shown(message)));
    }
    var library = Values.path(line, "libdir").map(LibraryDirectory::of);
    var descriptors = new ArrayList<Fd>();
    try (var manager =
        new ServiceManager(printed, SpawnThread.shared(), environment(library), timeout)) {
      for (var file : Values.all(line, "fd")) {
        descriptors.add(open(file));
      }
      var client = manager.start(id(words.getFirst()), spec);
      try (var reply = call(client, words.get(1), args, descriptors, quiet, timeout, terminal)) {
        print(reply, line.hasOption("contents"), timeout, terminal);
      }
      manager.finish();
      return ExitCode.OK;
    } catch (RemoteException failure) {
      terminal.error(VisibleText.of(failure.name() + ": " + failure.value()));
      failure
          .backtrace()
          .lines()
          .forEach(text -> terminal.err().println("  " + VisibleText.of(text)));
      explain(library, failure, terminal);
      return ExitCode.FAILED;
    } catch (ServiceEndedException ended) {
      terminal.error(String.valueOf(ended.getMessage()));
      explain(library, ended, terminal);
      return ExitCode.FAILED;
    } catch (DeadlineException late) {
      terminal.error(String.valueOf(late.getMessage()));
      return ExitCode.TIMED_OUT;
    } finally {
      Fd.closeAll(descriptors);
    }
  }

  private static Message call(
      ServiceClient client,
      String method,
      JsonNode args,
      List<Fd> descriptors,
      boolean quiet,
      Duration timeout,
      Console terminal)
      throws IOException {
    return client.callWithFds(
        method,
        args,
        descriptors,
        (value, fds) -> {
          if (!quiet) {
            var with = fds.isEmpty() ? "" : " with " + count(fds.size());
            terminal.err().println("signal" + with + ": " + text(value));
          }
        },
        timeout);
  }

  private static ServiceSpec spec(String name, CommandLine line, OutputListener printed)
      throws UsageException {
    var file = Path.of(name);
    if (!Files.exists(file)) {
      var shipped = ShippedServices.all().get(name);
      if (shipped == null) {
        throw new UsageException(name + " is neither a file nor a service that comes with Caisson");
      }
      return ServiceSpec.inJvm(() -> shipped.apply(text -> printed.line(id(name), name, text)));
    }
    if (!Files.isRegularFile(file) || !Files.isExecutable(file)) {
      throw new UsageException(name + " is not an executable file");
    }
    var spec = ServiceSpec.executable(file.toAbsolutePath());
    for (var variable : Values.variables(line, "env").entrySet()) {
      spec = spec.env(variable.getKey(), variable.getValue());
    }
    return spec;
  }

  /// The id of the service in messages: the name of its file.
  private static String id(String name) {
    return Optional.ofNullable(Path.of(name).getFileName()).map(Path::toString).orElse(name);
  }

  private static Map<String, String> environment(Optional<LibraryDirectory> library)
      throws IOException {
    var environment = new HashMap<>(UserEnvironment.variables());
    if (library.isPresent()) {
      environment.put("PYTHONPATH", library.get().pythonPath());
    }
    return environment;
  }

  /// Prints a hint if a service could not import the Python package of osbuild.
  private static void explain(
      Optional<LibraryDirectory> library, ServiceException failure, Console terminal)
      throws IOException {
    if (library.isPresent()) {
      library
          .get()
          .explain(String.valueOf(failure.getMessage()))
          .ifPresent(hint -> terminal.err().println(VisibleText.of(hint)));
    }
  }

  private static JsonNode arguments(String text) throws UsageException, IOException {
    return json(
        text.equals("-") ? System.in.readAllBytes() : text.getBytes(StandardCharsets.UTF_8));
  }

  private static JsonNode json(byte[] text) throws UsageException {
    try {
      return Json.within(Limits.DEFAULT).parse(text);
    } catch (MessageException invalid) {
      throw new UsageException("the arguments are " + invalid.getMessage());
    }
  }

  private static Fd open(String text) throws UsageException, IOException {
    int colon = text.lastIndexOf(':');
    var flags = colon < 1 ? null : MODES.get(text.substring(colon + 1));
    if (flags == null) {
      throw new UsageException(
          "--fd takes PATH:MODE, where MODE is r, w, rw, a or path; not " + text);
    }
    return Fd.open(Path.of(text.substring(0, colon)), flags, 0666);
  }

  private static void print(Message reply, boolean contents, Duration timeout, Console terminal)
      throws IOException {
    terminal.out().println(text(reply.value()));
    terminal.out().flush();
    if (!reply.descriptors().isEmpty() && !contents) {
      terminal.err().println("the reply came with " + count(reply.descriptors().size()));
    }
    var until = Deadline.in(timeout);
    for (var descriptor : contents ? reply.descriptors() : List.<Fd>of()) {
      Contents.copy(descriptor, terminal.out(), until);
    }
  }

  private static String count(int descriptors) {
    return descriptors == 1 ? "1 descriptor" : descriptors + " descriptors";
  }

  /// Returns the JSON of a value, safe to show on a terminal. Control characters occur in strings
  /// only, so each is replaced by an escape of JSON, which means the same.
  public static String text(JsonNode value) throws MessageException {
    return CONTROL
        .matcher(new String(Json.write(value), StandardCharsets.UTF_8))
        .replaceAll(control -> "\\\\u%04X".formatted((int) control.group().charAt(0)));
  }

  private static String shown(MessageEvent message) {
    try {
      return PassingLine.of(message.direction(), text(message.json()), message.descriptors());
    } catch (MessageException unexpected) {
      return String.valueOf(unexpected.getMessage());
    }
  }
}
