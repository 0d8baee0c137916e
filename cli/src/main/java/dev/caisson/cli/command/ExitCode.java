package dev.caisson.cli.command;

/// What the command exits with.
public final class ExitCode {
  /// All went well.
  public static final int OK = 0;

  /// It was tried and failed: a build, a download, a check.
  public static final int FAILED = 1;

  /// It was not tried: the command line, the manifest or the recipe is wrong.
  public static final int USAGE = 2;

  /// `run` and `stub` alone: the command's deadline had passed, as with `timeout(1)`.
  public static final int TIMED_OUT = 124;

  /// `run` and `stub` alone: the sandbox, or the stubs, could not be made.
  public static final int NO_SANDBOX = 125;

  /// `stub` alone: the command is there, and cannot be executed.
  public static final int NOT_EXECUTABLE = 126;

  /// `stub` alone: there is no such command.
  public static final int NOT_FOUND = 127;

  /// It was interrupted.
  public static final int INTERRUPTED = 130;

  /// `run` alone: it needed more memory than it may have, as if SIGKILL had ended it.
  public static final int KILLED = 137;

  /// `run` alone: it made a system call that it may not make, as if SIGSYS had ended it.
  public static final int VIOLATION = 159;

  private ExitCode() {}
}
