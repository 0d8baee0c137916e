package dev.caisson.cli;

import dev.caisson.linux.Processes;
import dev.caisson.sandbox.Bind;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.Run;
import dev.caisson.sandbox.RunResult;
import dev.caisson.sandbox.Scratch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;

/// Runs a command in a build root that is thrown away afterwards.
final class RunCommand implements Command {
  @Override
  public String name() {
    return "run";
  }

  @Override
  public String arguments() {
    return "[OPTION]... -- COMMAND [ARGUMENT]...";
  }

  @Override
  public String description() {
    return """
    Runs a command in a throw-away build root: /usr of the host (or of --root), read-only; everything
    else new and empty; no network; no capabilities. When the command ends, whatever it left running
    is killed. Exits as the command does.

    The command has nothing to read; what it prints, errors too, comes out on the standard output, and
    it is ended when that is more than 1 GiB.
    """;
  }

  @Override
  public boolean hasOwnOptions() {
    return true;
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(Values.option("root", "DIR", "take /usr from this root instead of the host's"))
        .addOption(
            Values.option("bind", "SRC:DST", "show a file or directory, to be read and written"))
        .addOption(Values.option("ro-bind", "SRC:DST", "show a file or directory, to be read"))
        .addOption(Values.option("env", "NAME=VALUE", "set a variable"))
        .addOption(Values.option("timeout", "TIME", "end it after so long: 30s, 5m, 1h"));
  }

  @Override
  public int run(CommandLine line, Terminal terminal) throws UsageException, IOException {
    if (line.getArgList().isEmpty()) {
      throw new UsageException("a command is needed");
    }
    if (line.getArgList().getFirst().startsWith("-")) {
      throw new UsageException("there is no option " + line.getArgList().getFirst());
    }
    if (Processes.geteuid() != 0) {
      throw new IOException("a build root needs root (CAP_SYS_ADMIN); run this as root");
    }
    var run = Run.of(line.getArgList());
    for (var bind : Values.all(line, "bind")) {
      run.bind(bind(Bind.Kind.READ_WRITE, bind));
    }
    for (var bind : Values.all(line, "ro-bind")) {
      run.bind(bind(Bind.Kind.READ_ONLY, bind));
    }
    Values.variables(line, "env").forEach(run::env);
    if (line.hasOption("timeout")) {
      run.deadline(Durations.parse(Values.last(line, "timeout").orElseThrow()));
    }
    var worker = Thread.currentThread();
    var unread = new AtomicBoolean();
    run.output((bytes, count) -> {
      System.out.write(bytes, 0, count);
      if (System.out.checkError() && unread.compareAndSet(false, true)) {
        // Nobody reads any more, so nobody wants it to go on.
        worker.interrupt();
      }
    });
    var root = Values.path(line, "root").orElse(Path.of("/"));
    try (var scratch = Scratch.under(Places.temporary());
        var buildRoot = BuildRoot.create(root, scratch.directory())) {
      return exitCode(buildRoot.run(run), terminal);
    }
  }

  private static int exitCode(RunResult result, Terminal terminal) {
    return switch (result.ending()) {
      case RunResult.Exited exited -> exited.status();
      case RunResult.Signalled signalled -> 128 + signalled.signal().number();
      case RunResult.TimedOut late -> told(late, ExitCode.TIMED_OUT, terminal);
      case RunResult.OutputExceeded much -> told(much, ExitCode.FAILED, terminal);
      case RunResult.Cancelled cancelled ->
          System.out.checkError()
              ? ExitCode.BROKEN_PIPE
              : told(cancelled, ExitCode.INTERRUPTED, terminal);
      case RunResult.SetupFailed failed -> told(failed, ExitCode.NO_SANDBOX, terminal);
    };
  }

  private static int told(RunResult.Ending ending, int code, Terminal terminal) {
    terminal.error("the command " + ending);
    return code;
  }

  private static Bind bind(Bind.Kind kind, String text) throws UsageException {
    int colon = text.lastIndexOf(":/");
    if (colon < 1) {
      throw new UsageException("not SRC:DST with an absolute DST: " + text);
    }
    return new Bind(
        kind,
        Path.of(text.substring(0, colon)).toAbsolutePath(),
        Path.of(text.substring(colon + 1)));
  }
}
