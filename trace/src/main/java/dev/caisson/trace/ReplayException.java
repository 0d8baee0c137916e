package dev.caisson.trace;

/// A program asked a replayed process for something else than what is in the record.
public final class ReplayException extends IllegalStateException {
  private static final long serialVersionUID = 1;

  ReplayException(String what) {
    super(what);
  }

  ReplayException(ReplayException first) {
    super(first.getMessage(), first);
  }
}
