package dev.caisson.cli.command;

/// The command line is wrong.
public final class UsageException extends Exception {
  private static final long serialVersionUID = 1;

  public UsageException(String problem) {
    super(problem);
  }
}
