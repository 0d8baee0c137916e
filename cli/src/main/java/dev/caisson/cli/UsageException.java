package dev.caisson.cli;

/// The command line makes no sense.
final class UsageException extends Exception {
  private static final long serialVersionUID = 1;

  UsageException(String problem) {
    super(problem);
  }
}
