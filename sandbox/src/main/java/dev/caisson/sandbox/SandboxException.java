package dev.caisson.sandbox;

import java.io.IOException;
import java.util.Optional;

/// A sandbox, or something that it needs, cannot be set up here: the command has not run. The
/// message says what is wrong, with which value, and then what to do.
///
/// Failures of the kernel alone, such as a full disk, are other kinds of [IOException].
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

  /// Describes a problem without a known remedy.
  static SandboxException of(RunResult.Step step, String problem) {
    return new SandboxException(step, problem, "");
  }

  /// Sets the cause, and returns this exception.
  SandboxException causedBy(Throwable cause) {
    initCause(cause);
    return this;
  }

  /// The step of making a sandbox that failed.
  public RunResult.Step step() {
    return step;
  }

  /// The problem, without the remedy.
  public String problem() {
    return problem;
  }

  /// The remedy, if one is known.
  public Optional<String> remedy() {
    return remedy.isEmpty() ? Optional.empty() : Optional.of(remedy);
  }
}
