package dev.caisson.remote;

import java.io.IOException;

/// A process returned what no kernel returns: the program that serves its calls is faulty or
/// hostile.
public final class AnswerException extends IOException {
  private static final long serialVersionUID = 1;

  /// @param what the answer, and to which call
  public AnswerException(String what) {
    super(what);
  }
}
