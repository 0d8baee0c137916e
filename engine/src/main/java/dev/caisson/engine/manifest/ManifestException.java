package dev.caisson.engine.manifest;

import dev.caisson.engine.BuildException;
import java.util.List;

/// A manifest is not valid.
///
/// Immutable.
public final class ManifestException extends BuildException {
  private static final long serialVersionUID = 1;

  @SuppressWarnings("serial") // always an immutable list of records of strings
  private final List<Problem> problems;

  /// @param problems at least one
  public ManifestException(List<Problem> problems) {
    super(Step.MANIFEST, String.join("\n", problems.stream().map(Problem::toString).toList()));
    this.problems = List.copyOf(problems);
  }

  /// One problem of a manifest.
  ///
  /// @param path the place in the manifest, such as `pipelines[0].stages[1].options.mode`; empty
  ///   for the whole manifest
  /// @param message what is wrong there
  public record Problem(String path, String message) {
    @Override
    public String toString() {
      return path.isEmpty() ? message : path + ": " + message;
    }
  }

  /// All problems that were found.
  public List<Problem> problems() {
    return problems;
  }
}
