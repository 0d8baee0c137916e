package dev.caisson.engine;

import java.io.IOException;
import java.util.Optional;

/// A build failed. Tells the step, the reason, and what to do about it.
///
/// The message is the reason, followed by the remedy if there is one. Failures of programs and of
/// the kernel keep their own exceptions.
///
/// Immutable.
public class BuildException extends IOException {
  private static final long serialVersionUID = 1;

  private final Step step;

  @SuppressWarnings("serial") // never serialized
  private final Optional<String> remedy;

  /// The step of a build that failed.
  public enum Step {
    /// A recipe becomes a manifest.
    RECIPE,
    /// A manifest is read, and its modules and references are resolved.
    MANIFEST,
    /// The description of a module is read.
    MODULE,
    /// A source fetches.
    SOURCE,
    /// An input is mapped for a stage.
    INPUT,
    /// A stage changes a tree.
    STAGE,
    /// The object store is read or written.
    STORE
  }

  /// A failure without a remedy.
  ///
  /// @param reason what failed, and with which value
  public BuildException(Step step, String reason) {
    super(reason);
    this.step = step;
    this.remedy = Optional.empty();
  }

  /// A failure with a remedy.
  ///
  /// @param reason what failed, and with which value
  /// @param remedy what the user can do about it, as a sentence without its end
  public BuildException(Step step, String reason, String remedy) {
    super(reason + ". " + remedy);
    this.step = step;
    this.remedy = Optional.of(remedy);
  }

  /// A failure with a cause.
  ///
  /// @param reason what failed, and with which value
  public BuildException(Step step, String reason, Throwable cause) {
    super(reason, cause);
    this.step = step;
    this.remedy = Optional.empty();
  }

  /// The step that failed.
  public final Step step() {
    return step;
  }

  /// What the user can do about it; also part of the message. Empty if no remedy is known.
  public final Optional<String> remedy() {
    return remedy;
  }
}
