package dev.caisson.remote;

import java.io.IOException;

/// A process answered what no kernel answers: who serves its calls lies.
public final class AnswerException extends IOException {
  private static final long serialVersionUID = 1;

  /// @param what it answered, and where
  public AnswerException(String what) {
    super(what);
  }
}
