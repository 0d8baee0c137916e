package dev.caisson.trace;

/// A requested call of a replayed process differs from the record.
public final class ReplayException extends IllegalStateException {
  private static final long serialVersionUID = 1;

  ReplayException(String what) {
    super(what);
  }

  ReplayException(ReplayException first) {
    super(first.getMessage(), first);
  }
}
