package dev.caisson.cli;

/// What the command exits with.
final class ExitCode {
  /// All went well.
  static final int OK = 0;

  /// It was tried and failed: a build, a download, a check.
  static final int FAILED = 1;

  /// It was not tried: the command line, the manifest or the recipe is wrong.
  static final int USAGE = 2;

  /// `run` and `stub` alone: the command's deadline had passed, as with `timeout(1)`.
  static final int TIMED_OUT = 124;

  /// `run` and `stub` alone: the sandbox, or the stubs, could not be made.
  static final int NO_SANDBOX = 125;

  /// `stub` alone: the command is there, and cannot be executed.
  static final int NOT_EXECUTABLE = 126;

  /// `stub` alone: there is no such command.
  static final int NOT_FOUND = 127;

  /// It was interrupted.
  static final int INTERRUPTED = 130;

  /// `run` alone: it needed more memory than it may have, as if SIGKILL had ended it.
  static final int KILLED = 137;

  /// `run` alone: it made a system call that it may not make, as if SIGSYS had ended it.
  static final int VIOLATION = 159;

  private ExitCode() {}
}
