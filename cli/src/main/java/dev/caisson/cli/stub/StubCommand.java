package dev.caisson.cli.stub;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.Durations;
import dev.caisson.cli.command.ErrorText;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.Help;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.cli.command.UnknownOption;
import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.Values;
import dev.caisson.cli.command.Variables;
import dev.caisson.files.BoundedFile;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.PathBytes;
import dev.caisson.sandbox.RunResult;
import dev.caisson.stub.ExpectationException;
import dev.caisson.stub.Expectations;
import dev.caisson.stub.StubHandlerException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.DefaultParser;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import org.apache.commons.cli.UnrecognizedOptionException;

/// Runs a command with stubs in place of some programs.
public final class StubCommand implements Command {
  private static final int GREATEST_STATUS = 255;

  @Override
  public String name() {
    return "stub";
  }

  @Override
  public HelpPage help() {
    return new HelpPage(
        "NAME[=PATH]... [OPTION]... -- COMMAND [ARGUMENT]...",
        "Runs a command with stubs in front of its PATH.",
        """
        When the command, or a process that it starts, launches a NAME, HANDLER runs
        in its place, in the same process: with the caller's arguments, descriptors,
        working directory, environment and process group. The caller sees the exit
        status of HANDLER. This is not a sandbox: the command may do all that you may.

        NAME=PATH also replaces the program PATH for callers that launch it by its
        path: in the command's own view of the files. This needs root, or a user
        namespace.

        HANDLER has CAISSON_STUB_NAME, the name that was called. In its PATH the stub
        of that name is missing, and the other stubs remain: a handler calls the real
        program by its name, and that program calls the other stubs.
        CAISSON_STUB_PATH has the same value.

            exec git "$@"

        A record and a file of expectations have a line for each call, a JSON object.
        The name is compared, and what else the line has: the arguments, the directory,
        the standard input ("stdin"), and variables of the environment, as an array of
        NAME=VALUE. An argument or the input is a string, or one of these patterns:

            {"base64": "..."}   bytes that are not UTF-8
            {"glob": "/tmp/*"}  a pattern of a shell; * also matches /
            {"regex": "v[0-9]+"}
            {"any": true}       any argument
            {"rest": true}      any number of arguments

        A call is expected once, or as "times" says: 2, {"min": 1} or {"max": 3}.
        """,
        List.of(
            HelpPage.group("Handler", "exec", "exit"),
            HelpPage.group(
                "Calls", "record", "record-environment", "record-stdin", "expect", "any-order"),
            HelpPage.group("Limits", "timeout"),
            HelpPage.group("Help", "help")),
        """
          Record how a script calls sendmail:
            ./caisson stub sendmail --record calls -- sh -c 'sendmail -t root'
          Print "tomorrow" by running echo in place of date:
            ./caisson stub date --exec echo -- sh -c 'date tomorrow'
        """,
        """
            n  the exit status of the command; 128+n if signal n killed it
            1  calls differ from --expect, or the record is incomplete
            2  the command line or the file of expectations is wrong; nothing was run
          124  the timeout expired
          125  a stub or a handler cannot be executed, or the stubs could not be set up
          126  the command cannot be executed
          127  the command was not found
          130  interrupted
        """);
  }

  @Override
  public boolean hasOwnOptions() {
    return true;
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(
            Values.option(
                "exec", "HANDLER", "execute this file, or this name from PATH, for each call"))
        .addOption(
            Values.option(
                "exit", "STATUS", "exit status of each call without a handler (default: 0)"))
        .addOption(Values.option("record", "FILE", "write each call to this file when it arrives"))
        .addOption(flag("record-environment", "also write the environment of each call"))
        .addOption(
            flag("record-stdin", "also read and write the standard input of each call, to its end"))
        .addOption(
            Values.option("expect", "FILE", "exit with 1 unless the calls are those in this file"))
        .addOption(flag("any-order", "accept the expected calls in any order"))
        .addOption(
            Values.option(
                "timeout",
                "TIME",
                "end the command and all that it started after this time: 30s, 5m"));
  }

  private static Option flag(String name, String description) {
    return Option.builder().longOpt(name).desc(description).get();
  }

  @Override
  public int run(CommandLine begun, Console terminal) throws UsageException, IOException {
    var words = begun.getArgList();
    int dashes = words.indexOf("--");
    var line = whole(begun, words.subList(0, dashes < 0 ? words.size() : dashes));
    if (line.hasOption(Help.OPTION)) {
      Help.print(this, terminal.out());
      return ExitCode.OK;
    }
    if (dashes < 0 || dashes + 1 == words.size()) {
      throw new UsageException("names of stubs are needed, then -- and a command");
    }
    var command = List.copyOf(words.subList(dashes + 1, words.size()));
    var names = StubName.parse(line.getArgList());
    if (Values.last(line, "exec").filter(String::isEmpty).isPresent()) {
      throw new UsageException("--exec needs a program");
    }
    var timeout = line.hasOption("timeout") ? Durations.timeout(line) : Deadline.FOREVER;
    int status = status(line);
    // Taken first: the random numbers of the JDK open files that are not CLOEXEC.
    try (var descriptors = InheritedDescriptors.take();
        var calls = calls(line)) {
      return run(line, names, status, calls, command, timeout, descriptors, terminal);
    } catch (InterruptedIOException interrupt) {
      throw interrupt;
    } catch (IOException failure) {
      terminal.error(ErrorText.of(failure));
      return ExitCode.NO_SANDBOX;
    }
  }

  /// Parses options before and after the names.
  private CommandLine whole(CommandLine begun, List<String> rest) throws UsageException {
    var words = new ArrayList<String>();
    for (var option : begun.getOptions()) {
      words.add("--" + option.getLongOpt());
      if (option.hasArg()) {
        words.add(option.getValue());
      }
    }
    words.addAll(rest);
    try {
      var options = options().addOption(Help.OPTION);
      return new DefaultParser(false).parse(options, words.toArray(String[]::new));
    } catch (UnrecognizedOptionException unknown) {
      throw new UsageException(UnknownOption.text(this, unknown.getOption()));
    } catch (ParseException wrong) {
      throw new UsageException(String.valueOf(wrong.getMessage()));
    }
  }

  private static int status(CommandLine line) throws UsageException {
    var text = Values.last(line, "exit");
    if (text.isEmpty()) {
      return 0;
    }
    if (line.hasOption("exec")) {
      throw new UsageException(
          "--exec and --exit exclude each other: a handler has its own exit status");
    }
    try {
      int status = Integer.parseInt(text.get());
      if (status >= 0 && status <= GREATEST_STATUS) {
        return status;
      }
    } catch (NumberFormatException nonsense) {
      // Reported below.
    }
    throw new UsageException("--exit takes 0 to 255, not " + text.get());
  }

  /// Opens the record, and reads the expected calls.
  private static StubCalls calls(CommandLine line) throws UsageException, IOException {
    if (line.hasOption("record-environment") && !line.hasOption("record")) {
      throw new UsageException("--record-environment needs --record");
    }
    if (line.hasOption("record-stdin") && !line.hasOption("record")) {
      throw new UsageException("--record-stdin needs --record");
    }
    if (line.hasOption("any-order") && !line.hasOption("expect")) {
      throw new UsageException("--any-order needs --expect");
    }
    var record = Values.path(line, "record");
    if (record.equals(Optional.of(Path.of("-")))) {
      throw new UsageException(
          "--record takes a file, not -: the command uses the standard streams");
    }
    var expect = Values.path(line, "expect");
    if (record.isPresent()
        && expect.isPresent()
        && Files.exists(record.get())
        && Files.exists(expect.get())
        && Files.isSameFile(record.get(), expect.get())) {
      throw new UsageException(
          "--record and --expect name the same file, which --record would overwrite");
    }
    var order = line.hasOption("any-order") ? Expectations.Order.ANY : Expectations.Order.GIVEN;
    Optional<Expectations> expectations =
        expect.isPresent() ? Optional.of(expectations(expect.get(), order)) : Optional.empty();
    var details = EnumSet.noneOf(StubCalls.Detail.class);
    if (line.hasOption("record-environment")) {
      details.add(StubCalls.Detail.ENVIRONMENT);
    }
    if (line.hasOption("record-stdin")) {
      details.add(StubCalls.Detail.INPUT);
    }
    return StubCalls.to(record, details, expectations);
  }

  private static Expectations expectations(Path file, Expectations.Order order)
      throws UsageException, IOException {
    if (Files.isDirectory(file)) {
      throw new UsageException("--expect: " + file + " is a directory");
    }
    try {
      return Expectations.parse(BoundedFile.EXPECTATIONS.read(file), file.toString(), order);
    } catch (ExpectationException wrong) {
      throw new UsageException("--expect: " + file + ", " + wrong.getMessage());
    }
  }

  private static int run(
      CommandLine line,
      List<StubName> names,
      int status,
      StubCalls calls,
      List<String> command,
      Duration timeout,
      InheritedDescriptors descriptors,
      Console terminal)
      throws IOException {
    var environment = Variables.ofThisProcess();
    var path = environment.value("PATH").orElse(Program.DEFAULT_PATH);
    Optional<StubProgram> handler =
        Values.last(line, "exec").map(name -> new StubProgram(Program.of(name, path), path));
    var loop = handler.isPresent() ? handler.get().loop(names) : Optional.<String>empty();
    if (loop.isPresent()) {
      terminal.error(loop.get());
      return ExitCode.NO_SANDBOX;
    }
    // Checked before the command starts, which may mend it: a call reports what is still wrong.
    var obstacle = handler.flatMap(StubProgram::obstacle);
    obstacle.ifPresent(reason -> terminal.error("the handler will fail: " + reason));
    try (var installed =
        InstalledStubs.install(
            names,
            calls,
            (name, all) ->
                call -> handler.isPresent() ? handler.get().call(name, call, all) : status)) {
      var stubs = installed.stubs();
      int code;
      try {
        var first = PathBytes.encode(stubs.path(""));
        var front = path.length == 0 ? first : Variables.joined(first, PathBytes.encode(":"), path);
        code =
            run(
                command,
                environment.with("PATH", front),
                front,
                installed.replacements(),
                descriptors,
                timeout,
                terminal);
        stubs.finish();
      } catch (StubHandlerException failure) {
        terminal.error(ErrorText.of(failure));
        code = ExitCode.FAILED;
      }
      handler.stream().flatMap(program -> program.failures().stream()).forEach(terminal::error);
      boolean failed =
          handler.isPresent()
              && (!handler.get().failures().isEmpty()
                  || (obstacle.isPresent() && !handler.get().executed()));
      int result = report(calls, code, terminal);
      return failed && code != ExitCode.TIMED_OUT ? ExitCode.NO_SANDBOX : result;
    }
  }

  private static int run(
      List<String> command,
      Variables environment,
      byte[] path,
      Replacements replacements,
      InheritedDescriptors descriptors,
      Duration timeout,
      Console terminal)
      throws IOException {
    var argv = command.stream().map(PathBytes::encode).toList();
    var program = Program.of(command.getFirst(), path);
    try (var running =
        InheritingCommand.start(program, argv, environment, replacements, descriptors)) {
      try {
        return running.await(timeout);
      } catch (DeadlineException late) {
        running.end();
        terminal.error("the command " + new RunResult.TimedOut(timeout));
        return ExitCode.TIMED_OUT;
      } catch (InterruptedIOException interrupt) {
        running.end();
        throw interrupt;
      }
    } catch (Program.NotExecutedException failure) {
      terminal.error(ErrorText.of(failure));
      return failure.status();
    }
  }

  private static int report(StubCalls calls, int code, Console terminal) {
    var failure = calls.failure();
    if (failure.isPresent()) {
      terminal.error("the record is incomplete: " + ErrorText.of(failure.get()));
      return ExitCode.FAILED;
    }
    // A command that did not run to its end has already reported the reason.
    var differences = calls.differences();
    if (differences.isEmpty()) {
      return code;
    }
    terminal.error(String.join("\n", differences));
    return code == ExitCode.TIMED_OUT ? code : ExitCode.FAILED;
  }
}
