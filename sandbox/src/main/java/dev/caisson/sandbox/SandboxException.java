package dev.caisson.sandbox;

import java.io.IOException;
import java.util.Optional;

/// A sandbox, or what it needs, cannot be set up here: nothing has run. The message says what is
/// wrong, with which value, and then what to do.
///
/// What fails for reasons of the kernel alone, such as a full disk, is another [IOException].
///
/// Immutable.
public final class SandboxException extends IOException {
  private static final long serialVersionUID = 1;

  private final RunResult.Step step;
  private final String problem;
  private final String remedy;

  private SandboxException(RunResult.Step step, String problem, String remedy) {
    super(remedy.isEmpty() ? problem : problem + "; " + remedy);
    this.step = step;
    this.problem = problem;
    this.remedy = remedy;
  }

  /// @param problem what is wrong
  /// @param remedy what to do
  static SandboxException of(RunResult.Step step, String problem, String remedy) {
    return new SandboxException(step, problem, remedy);
  }

  /// A problem for which no remedy is known.
  static SandboxException of(RunResult.Step step, String problem) {
    return new SandboxException(step, problem, "");
  }

  /// This, with what it comes from.
  SandboxException causedBy(Throwable cause) {
    initCause(cause);
    return this;
  }

  /// The step of making a sandbox that cannot be done.
  public RunResult.Step step() {
    return step;
  }

  /// What is wrong, without what to do.
  public String problem() {
    return problem;
  }

  /// What to do; empty if the problem says all that is known.
  public Optional<String> remedy() {
    return remedy.isEmpty() ? Optional.empty() : Optional.of(remedy);
  }
}
