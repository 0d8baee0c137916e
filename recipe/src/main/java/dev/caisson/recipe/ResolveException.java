package dev.caisson.recipe;

import dev.caisson.engine.BuildException;

/// A recipe cannot become a manifest.
public final class ResolveException extends BuildException {
  private static final long serialVersionUID = 1;

  ResolveException(String reason) {
    super(Step.RECIPE, reason);
  }
}
