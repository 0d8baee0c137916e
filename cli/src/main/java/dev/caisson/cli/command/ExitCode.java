package dev.caisson.cli.command;

/// The exit codes of `caisson`.
public final class ExitCode {
  /// Success.
  public static final int OK = 0;

  /// The work failed: a build, a download, a check.
  public static final int FAILED = 1;

  /// Nothing was run: the command line, the manifest or the recipe is wrong.
  public static final int USAGE = 2;

  /// `run`, `stub` and `service call`: the timeout expired. The code is that of `timeout(1)`.
  public static final int TIMED_OUT = 124;

  /// `run` and `stub`: the sandbox or the stubs could not be set up.
  public static final int NO_SANDBOX = 125;

  /// `run` and `stub`: the command cannot be executed.
  public static final int NOT_EXECUTABLE = 126;

  /// `run` and `stub`: the command was not found.
  public static final int NOT_FOUND = 127;

  /// The command was interrupted.
  public static final int INTERRUPTED = 130;

  /// `run`: the memory limit was reached. The code is that of a command ended by SIGKILL.
  public static final int KILLED = 137;

  /// `run`: SIGSYS ended the command, because the filter of system calls kills for that call. The
  /// code is that of a command ended by SIGSYS.
  public static final int VIOLATION = 159;

  private ExitCode() {}
}
