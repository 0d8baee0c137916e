package dev.caisson.cli.run;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.Durations;
import dev.caisson.cli.command.ErrorText;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.cli.command.Interaction;
import dev.caisson.cli.command.Places;
import dev.caisson.cli.command.StandardStreams;
import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.Values;
import dev.caisson.files.Scratch;
import dev.caisson.ipc.Json;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.ShellWords;
import dev.caisson.linux.tty.Terminal;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.Network;
import dev.caisson.sandbox.OutputMeter;
import dev.caisson.sandbox.OutputSink;
import dev.caisson.sandbox.Run;
import dev.caisson.sandbox.RunPlan;
import dev.caisson.sandbox.RunResult;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import tools.jackson.databind.JsonNode;

/// Runs a command in a throw-away build root.
public final class RunCommand implements Command {
  @Override
  public String name() {
    return "run";
  }

  @Override
  public HelpPage help() {
    return new HelpPage(
        "[OPTION]... -- COMMAND [ARGUMENT]...",
        "Runs a command in a throw-away sandbox.",
        """
        The sandbox has /usr of the host (or of --root), read-only, the host's /sys, and
        the part of /etc that programs need, without secrets. /run, /tmp, /var and the
        home directory are new (docs/explanation/security-model.md has the whole list).
        The command is user 0 unless --user names another. It has no network and no
        capabilities, and a filter denies system calls that ordinary programs do not
        need. When it ends, all processes that it left running are killed.

        Any user can run it where user namespaces are allowed; root needs none. At a
        terminal, the command gets a new terminal. Otherwise it reads a copy of the
        standard input, or an empty input if that is a terminal. What it does not read
        of a file stays unread.

        Options for files may be repeated; a later one covers an earlier one.
        """,
        List.of(
            HelpPage.group(
                "Files",
                "root",
                "bind",
                "ro-bind",
                "dev-bind",
                "tmpfs",
                "symlink",
                "host",
                "hide",
                "etc",
                "chdir"),
            HelpPage.group("Network", "network", "allow-host", "log"),
            HelpPage.group(
                "Limits",
                "timeout",
                "memory",
                "swap",
                "pids",
                "cpus",
                "file-size",
                "rlimit",
                "output-limit",
                "best-effort"),
            HelpPage.group(
                "Identity and privileges",
                "user",
                "cap",
                "user-namespace",
                "allow-user-namespaces",
                "no-seccomp"),
            HelpPage.group("Environment", "env", "env-file", "inherit-env", "hostname"),
            HelpPage.group("Input and output", "stdin", "no-terminal", "json"),
            HelpPage.group("Diagnosis", "dry-run", "shell-on-failure", "help")),
        """
          List a directory of the host that the sandbox shows read-only:
            ./caisson run --ro-bind samples:/tmp/samples -- ls -l /tmp/samples
          Run a command for 10 s at most, and print how it ended as JSON:
            ./caisson run --timeout 10s --json -- sh -c 'echo hello; id'
        """,
        """
            n  the exit status of the command; 128+n if signal n killed it
            1  the output limit was reached, or input or output could not be copied
            2  the command line is wrong; nothing was run
          124  the timeout expired
          125  the sandbox could not be set up
          126  the command cannot be executed
          127  the command is not in the sandbox
          130  interrupted
          137  the memory limit was reached
          159  SIGSYS: the filter killed the command; other denied calls only fail
        """);
  }

  @Override
  public boolean hasOwnOptions() {
    return true;
  }

  @Override
  public Options options() {
    return RunOptions.all()
        .addOption(
            flag("json", "print one JSON object: the ending, output and usage of the command"))
        .addOption(
            Option.builder()
                .longOpt("stdin")
                .hasArg()
                .argName("none")
                .desc("none: the command has an empty standard input")
                .get())
        .addOption(flag("no-terminal", "give the command no terminal, even if there is one"))
        .addOption(
            flag(
                "shell-on-failure",
                "open a shell in a new sandbox with the options of a command that failed"))
        .addOption(flag("dry-run", "print what would be executed; run nothing"));
  }

  private static Option flag(String name, String description) {
    return Option.builder().longOpt(name).desc(description).get();
  }

  @Override
  public int run(CommandLine line, Console terminal) throws UsageException, IOException {
    if (line.getArgList().isEmpty()) {
      throw new UsageException("a command is needed");
    }
    if (line.getArgList().getFirst().startsWith("-")) {
      throw new UsageException("there is no option " + line.getArgList().getFirst());
    }
    var log = Values.path(line, "log");
    if (log.isPresent()) {
      try (var records = DecisionRecords.to(log.get(), terminal::error)) {
        return run(line, terminal, Optional.of(records));
      }
    }
    return run(
        line,
        terminal,
        line.hasOption("json") ? Optional.of(DecisionRecords.inMemory()) : Optional.empty());
  }

  private static int run(CommandLine line, Console terminal, Optional<DecisionRecords> records)
      throws UsageException, IOException {
    var asked = RunOptions.run(line, line.getArgList());
    var network = RunOptions.network(line, terminal::error, records);
    var run = metered(asked, network);
    if (line.hasOption("timeout")) {
      run = run.deadline(Durations.timeout(line));
    }
    var root = Values.path(line, "root").orElse(Path.of("/"));
    if (!Files.isDirectory(root)) {
      throw new UsageException("--root is not a directory: " + root);
    }
    try (var scratch = Scratch.under(Places.temporary());
        var buildRoot = BuildRoot.create(root, scratch.directory(), RunOptions.privilege(line))) {
      if (line.hasOption("dry-run")) {
        return dryRun(buildRoot.plan(run), line.hasOption("json"), terminal);
      }
      if (line.hasOption("json")) {
        var counted = standardInput(line, run).accounting().errors(OutputSink.NONE);
        var result = buildRoot.run(counted);
        int code = exitCode(result);
        print(RunJson.result(result, code, records, hint(line, result)), terminal);
        return code;
      }
      var user = Interaction.standard();
      // Output on a terminal is not counted.
      boolean pipes = line.hasOption("no-terminal") || line.hasOption("output-limit");
      if (user.isPresent() && !pipes) {
        run = standardError(run.terminal(user.get().input(), user.get().output()));
      } else {
        run = output(standardInput(line, run));
      }
      var result = buildRoot.run(run);
      int code = report(result, terminal);
      if (result.ending() instanceof RunResult.Exited && code != ExitCode.OK) {
        DeniedPrograms.hint(line.getArgList().getFirst(), line).ifPresent(terminal::error);
      }
      hint(line, result).ifPresent(terminal::error);
      if (!result.success() && line.hasOption("shell-on-failure")) {
        shell(buildRoot, metered(asked, network), user, terminal);
      }
      return code;
    } catch (InterruptedIOException interrupt) {
      throw interrupt;
    } catch (IOException failure) {
      if (line.hasOption("json")) {
        print(RunJson.notRun(ErrorText.of(failure)), terminal);
      }
      terminal.error(ErrorText.of(failure));
      return ExitCode.NO_SANDBOX;
    } catch (IllegalArgumentException nonsense) {
      throw new UsageException(String.valueOf(nonsense.getMessage()));
    }
  }

  /// The option that a failed command would have needed to reach a host.
  private static Optional<String> hint(CommandLine line, RunResult result) {
    if (line.hasOption("allow-host")) {
      return NetworkHint.besideTheProxy(line.getArgList(), result);
    }
    return Values.last(line, "network").orElse("none").equals("none")
        ? NetworkHint.withoutNetwork(line.getArgList(), result)
        : Optional.empty();
  }

  /// Adds a new meter, which counts the output and the log of the network. A meter serves one run.
  private static Run metered(Run run, Function<OutputMeter, Network> network) {
    var meter = new OutputMeter();
    return run.meter(meter).network(network.apply(meter));
  }

  /// Opens a shell in a new sandbox with the options of the failed command, except its timeout.
  /// Only `/var` is that of the failed command.
  private static void shell(
      BuildRoot buildRoot, Run failed, Optional<Interaction> user, Console terminal)
      throws IOException {
    if (user.isEmpty()) {
      terminal.error("--shell-on-failure needs a terminal: no shell is opened");
      return;
    }
    terminal.error("this is a shell in a new sandbox with the options of the failed command");
    buildRoot.run(failed.argv(Interaction.SHELL).terminal(user.get().input(), user.get().output()));
  }

  /// Relays the standard input, unless it is a terminal.
  private static Run standardInput(CommandLine line, Run run) throws UsageException {
    if (line.hasOption("stdin")) {
      if (!line.getOptionValue("stdin").equals("none")) {
        throw new UsageException("--stdin must be none, not " + line.getOptionValue("stdin"));
      }
      return run;
    }
    try {
      var input = Fd.adopt(0);
      return StandardStreams.isOfTheJvm(0) || Terminal.of(input).isatty() ? run : run.stdin(input);
    } catch (SystemCallException closed) {
      // A closed input has nothing to read.
      return run;
    }
  }

  /// Relays the standard error separately unless it is a terminal.
  private static Run standardError(Run run) {
    try {
      var errors = Fd.adopt(2);
      return Terminal.of(errors).isatty() ? run : run.errors(errors);
    } catch (SystemCallException closed) {
      // The terminal of the command shows its errors.
      return run;
    }
  }

  /// Relays output and errors. If both go to one open file, they share one pipe, which keeps their
  /// order.
  private static Run output(Run run) {
    var relayed = run;
    try {
      relayed = run.output(Fd.adopt(1));
      if (Fd.adopt(1).isSameOpenFile(Fd.adopt(2))) {
        return relayed;
      }
    } catch (SystemCallException closed) {
      // Standard output is closed.
    }
    try {
      if (!StandardStreams.isOfTheJvm(2)) {
        return relayed.errors(Fd.adopt(2));
      }
    } catch (SystemCallException closed) {
      // Handled below.
    }
    // Standard error is closed.
    return relayed.errors(OutputSink.NONE);
  }

  private static int dryRun(RunPlan plan, boolean json, Console terminal) throws IOException {
    if (json) {
      print(RunJson.plan(plan), terminal);
      return ExitCode.OK;
    }
    plan.enforced().forEach(terminal.out()::println);
    for (Map.Entry<String, String> variable : plan.environment().entrySet()) {
      terminal.out().println(variable.getKey() + "=" + ShellWords.quote(variable.getValue()));
    }
    terminal.out().println(ShellWords.quote(plan.command()));
    return ExitCode.OK;
  }

  private static void print(JsonNode json, Console terminal) throws IOException {
    terminal.out().println(new String(Json.write(json), StandardCharsets.UTF_8));
  }

  private static int report(RunResult result, Console terminal) {
    int code = exitCode(result);
    switch (result.ending()) {
      case RunResult.Exited exited -> {}
      case RunResult.Signalled signalled -> {}
      case RunResult.NotExecuted failed ->
          terminal.error("the command %s%s".formatted(failed, remedy(failed)));
      default -> terminal.error("the command " + result.ending());
    }
    return code;
  }

  private static String remedy(RunResult.NotExecuted failed) {
    if (failed.notFound()) {
      return ". The sandbox has /usr of the host or of --root; show other files with --ro-bind";
    }
    return switch (failed.errno()) {
      case ENOENT -> ". Show it with --ro-bind";
      case EACCES -> ". Is it a directory, or has it no x in its mode (chmod +x)?";
      case E2BIG -> ". Its arguments and environment are too long for the kernel";
      default -> "";
    };
  }

  private static int exitCode(RunResult result) {
    return switch (result.ending()) {
      case RunResult.Exited exited -> exited.status();
      case RunResult.Signalled signalled -> 128 + signalled.signal().number();
      case RunResult.TimedOut late -> ExitCode.TIMED_OUT;
      case RunResult.OutputExceeded much -> ExitCode.FAILED;
      case RunResult.OutputFailed failed -> ExitCode.FAILED;
      case RunResult.InputFailed failed -> ExitCode.FAILED;
      case RunResult.MemoryExceeded much -> ExitCode.KILLED;
      case RunResult.Violation violation -> ExitCode.VIOLATION;
      case RunResult.Cancelled cancelled -> ExitCode.INTERRUPTED;
      case RunResult.SetupFailed failed -> ExitCode.NO_SANDBOX;
      case RunResult.NotExecuted failed ->
          failed.notFound() ? ExitCode.NOT_FOUND : ExitCode.NOT_EXECUTABLE;
    };
  }
}
