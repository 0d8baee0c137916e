package dev.caisson.cli.command;

/// The command line makes no sense.
public final class UsageException extends Exception {
  private static final long serialVersionUID = 1;

  public UsageException(String problem) {
    super(problem);
  }
}
